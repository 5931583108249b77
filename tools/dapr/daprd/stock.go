//go:build stock

package main

import "github.com/dapr/components-contrib/state/aws/dynamodb"

// With the tag `stock` the sidecar has the component as Dapr ships it: for the test that shows what becomes of an actor
// without ours.
func init() {
	dynamoDBStore = dynamodb.NewDynamoDBStateStore
}
