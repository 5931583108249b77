//go:build stock

package main

import (
	"github.com/dapr/components-contrib/state/aws/dynamodb"
	"github.com/dapr/components-contrib/state/postgresql/v2"
	"github.com/dapr/components-contrib/state/redis"
)

// With the tag `stock` the sidecar has the components as Dapr ships them: for the test that shows what becomes of an actor
// without our own store, and for the conformance of the library with other people's stores.
func init() {
	dynamoDBStore = dynamodb.NewDynamoDBStateStore
	moreStores["redis"] = redis.NewRedisStateStore
	moreStores["postgresql/v2"] = postgresql.NewPostgreSQLStateStore
}
