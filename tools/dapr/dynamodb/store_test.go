package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
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

// table answers as DynamoDB would of one item; what it is asked, and how, each test says.
type table struct {
	*httptest.Server
	asked []string
	etag  string // of what is stored
	hides int    // answers that are lost on their way, though the write was carried out
}

func (t *table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Item map[string]map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		panic(err)
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	t.asked = append(t.asked, operation)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if t.etag != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":{"etag":{"S":%q}}}`, t.etag)
		return
	}
	if operation == "PutItem" {
		t.etag = request.Item["etag"]["S"]
	}
	if t.hides > 0 {
		t.hides--
		panic(http.ErrAbortHandler)
	}
	fmt.Fprint(w, "{}")
}

func against(t *testing.T, there *table) *actorStore {
	there.Server = httptest.NewServer(there)
	t.Cleanup(there.Close)
	s := store()
	s.client = awsdynamodb.New(awsdynamodb.Options{
		Region: "us-west-2", BaseEndpoint: &there.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
	return s
}

func document() state.TransactionalStateOperation {
	return set("state", map[string]string{"revision": "3"})
}

func write(s *actorStore, operations ...state.TransactionalStateOperation) error {
	return s.Multi(context.Background(), &state.TransactionalStateRequest{Operations: operations})
}

func TestOneWriteNeedsNoTransaction(t *testing.T) {
	there := &table{}
	if err := write(against(t, there), document()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(there.asked) != "[PutItem]" {
		t.Error(there.asked)
	}
}

func TestTwoWritesAreATransaction(t *testing.T) {
	there := &table{}
	if err := write(against(t, there), document(), set("other", nil)); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(there.asked) != "[TransactWriteItems]" {
		t.Error(there.asked)
	}
}

func TestAWriteWhoseAnswerWasLostIsNotTakenForAnothers(t *testing.T) {
	there := &table{hides: 1}
	if err := write(against(t, there), document()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(there.asked) != "[PutItem PutItem]" {
		t.Error(there.asked)
	}
}

func TestAnothersWriteIsRefusedAsATag(t *testing.T) {
	var tag *state.ETagError
	if err := write(against(t, &table{etag: "another's"}), document()); !errors.As(err, &tag) || tag.Kind() != state.ETagMismatch {
		t.Error(err)
	}
}
