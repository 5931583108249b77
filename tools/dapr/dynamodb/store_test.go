package dynamodb

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dapr/components-contrib/state"
)

var now = time.Unix(1_000_000, 0)

func store() *actorStore {
	return &actorStore{meta: storeMetadata{Table: "carts", PartitionKey: "key", TTLAttributeName: "expiresAt"}}
}

func set(key string, metadata map[string]string) state.SetRequest {
	return state.SetRequest{Key: key, Value: map[string]any{"a": 1}, Metadata: metadata}
}

func TestOnlyATransactionWithANumberedWriteIsOurs(t *testing.T) {
	if numbered([]state.TransactionalStateOperation{set("k", nil), state.DeleteRequest{Key: "d"}}) {
		t.Error("no write has a number")
	}
	if !numbered([]state.TransactionalStateOperation{set("k", nil), set("state", map[string]string{"revision": "3"})}) {
		t.Error("one write has a number")
	}
}

func TestAWriteIsRefusedUnlessTheStoredOneIsTheOneBeforeIt(t *testing.T) {
	put, err := store().put(set("k", map[string]string{"revision": "3"}), now)
	if err != nil {
		t.Fatal(err)
	}
	if *put.ConditionExpression != "attribute_not_exists(#revision) OR #revision = :previous" {
		t.Error(*put.ConditionExpression)
	}
	if put.ExpressionAttributeValues[":previous"].(*types.AttributeValueMemberN).Value != "2" {
		t.Error(put.ExpressionAttributeValues)
	}
	if put.Item["revision"].(*types.AttributeValueMemberN).Value != "3" || put.Item["value"].(*types.AttributeValueMemberS).Value != `{"a":1}` {
		t.Error(put.Item)
	}
}

func TestTheFirstWriteIsRefusedWhereThereIsOne(t *testing.T) {
	put, err := store().put(set("k", map[string]string{"revision": "1"}), now)
	if err != nil {
		t.Fatal(err)
	}
	if *put.ConditionExpression != "attribute_not_exists(#revision)" || put.ExpressionAttributeValues != nil {
		t.Error(*put.ConditionExpression, put.ExpressionAttributeValues)
	}
}

func TestANumberThatIsNoneIsAnError(t *testing.T) {
	for _, revision := range []string{"0", "-1", "one", "1.5"} {
		if _, err := store().put(set("k", map[string]string{"revision": revision}), now); err == nil {
			t.Errorf("%q was taken", revision)
		}
	}
}

func TestATimeToLiveBecomesAnInstant(t *testing.T) {
	put, err := store().put(set("k", map[string]string{"ttlInSeconds": "60"}), now)
	if err != nil {
		t.Fatal(err)
	}
	if put.Item["expiresAt"].(*types.AttributeValueMemberN).Value != "1000060" || put.ConditionExpression != nil {
		t.Error(put.Item)
	}
}

func TestTheLastOperationOfAKeyCounts(t *testing.T) {
	items, err := store().items([]state.TransactionalStateOperation{
		set("k", nil), set("state", map[string]string{"revision": "1"}), state.DeleteRequest{Key: "k"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 2 || items[0].Put == nil || items[1].Delete == nil {
		t.Error(items)
	}
}
