package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/dapr/components-contrib/state"
	"github.com/dapr/kit/logger"
)

var now = time.Unix(1_000_000, 0)

func store() *actorStore {
	return &actorStore{meta: storeMetadata{Table: "carts", PartitionKey: "key", TTLAttributeName: "expiresAt"}}
}

func set(key string, metadata map[string]string) state.SetRequest {
	return state.SetRequest{Key: key, Value: map[string]any{"a": 1}, Metadata: metadata}
}

func TestTheSidecarsMetadataSaysThatWritesAreFenced(t *testing.T) {
	features := New(logger.NewLogger("test")).Features()
	for _, feature := range []state.Feature{featureRevisions, state.FeatureETag, state.FeatureTransactional} {
		if !slices.Contains(features, feature) {
			t.Errorf("%v lacks %s", features, feature)
		}
	}
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
	mutex     sync.Mutex
	asked     []string
	condition string // of the last write
	etag      string // of what is stored
	hides     int    // answers that are lost on their way, though the write was carried out
	holds     map[string]map[string]any
	batches   [][]string // keys of each BatchGetItem
	atOnce    int        // how many keys a batch answers; 0: all
	throttles int        // batches that are answered with none of their keys
	fails     bool       // batches are refused
}

func (t *table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	var request struct {
		Item                map[string]map[string]string
		ConditionExpression string
		RequestItems        map[string]struct {
			ConsistentRead bool
			Keys           []map[string]map[string]string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		panic(err)
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	t.asked = append(t.asked, operation)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if operation == "BatchGetItem" {
		t.batch(w, request.RequestItems["carts"].Keys, request.RequestItems["carts"].ConsistentRead)
		return
	}
	t.condition = request.ConditionExpression
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

func (t *table) batch(w http.ResponseWriter, keys []map[string]map[string]string, strong bool) {
	names := make([]string, len(keys))
	seen := map[string]bool{}
	for i, key := range keys {
		names[i] = key["key"]["S"]
		seen[names[i]] = true
	}
	t.batches = append(t.batches, names)
	if t.fails || !strong || len(seen) != len(keys) || len(keys) == 0 || len(keys) > 100 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazon.coral.validate#ValidationException","message":"refused"}`)
		return
	}
	answered := len(keys)
	if t.atOnce > 0 {
		answered = min(answered, t.atOnce)
	}
	if t.throttles > 0 {
		t.throttles--
		answered = 0
	}
	items := []map[string]any{}
	for i := answered - 1; i >= 0; i-- { // in an order of its own
		if held := t.holds[names[i]]; held != nil {
			items = append(items, held)
		}
	}
	answer := map[string]any{"Responses": map[string]any{"carts": items}}
	if answered < len(keys) {
		answer["UnprocessedKeys"] = map[string]any{"carts": map[string]any{"Keys": keys[answered:], "ConsistentRead": true}}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
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

func tagged(key, etag string, options state.SetStateOption) state.SetRequest {
	request := set(key, nil)
	request.Options = options
	if etag != "" {
		request.ETag = &etag
	}
	return request
}

func TestASingleWriteNeedsNoTransactionWhateverItsCondition(t *testing.T) {
	for condition, operation := range map[string]state.SetRequest{
		"":                           set("k", nil),
		"etag = :etag":               tagged("k", "7", state.SetStateOption{Concurrency: state.FirstWrite}),
		"attribute_not_exists(etag)": tagged("k", "", state.SetStateOption{Concurrency: state.FirstWrite}),
	} {
		there := &table{}
		if err := write(against(t, there), set("k", nil), operation); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(there.asked) != "[PutItem]" || there.condition != condition {
			t.Error(there.asked, there.condition)
		}
	}
}

func TestAnothersWriteIsRefusedOfATagToo(t *testing.T) {
	var tag *state.ETagError
	operation := tagged("k", "mine", state.SetStateOption{Concurrency: state.FirstWrite})
	if err := write(against(t, &table{etag: "another's"}), operation); !errors.As(err, &tag) || tag.Kind() != state.ETagMismatch {
		t.Error(err)
	}
}

func TestATaggedWriteWhoseAnswerWasLostIsNotTakenForAnothers(t *testing.T) {
	there := &table{hides: 1}
	if err := write(against(t, there), tagged("k", "", state.SetStateOption{Concurrency: state.FirstWrite})); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(there.asked) != "[PutItem PutItem]" {
		t.Error(there.asked)
	}
}

func TestANumberAndATagHoldBoth(t *testing.T) {
	request := tagged("k", "7", state.SetStateOption{})
	request.Metadata = map[string]string{"revision": "2"}
	put, err := store().put(request, now)
	if err != nil {
		t.Fatal(err)
	}
	if *put.ConditionExpression != "(attribute_not_exists(#revision) OR #revision = :previous) AND etag = :etag" || len(put.ExpressionAttributeValues) != 2 {
		t.Error(*put.ConditionExpression, put.ExpressionAttributeValues)
	}
}

func TestADeleteIsTheStockComponents(t *testing.T) {
	if single([]state.TransactionalStateOperation{state.DeleteRequest{Key: "k"}}) || single(nil) ||
		single([]state.TransactionalStateOperation{set("k", nil), set("l", nil)}) {
		t.Error("not a single write")
	}
}

func held(key string) map[string]any {
	return map[string]any{"key": map[string]string{"S": key}, "value": map[string]string{"S": `"` + key + `"`}, "etag": map[string]string{"S": "e" + key}}
}

func holding(n int) (*table, []state.GetRequest) {
	there, requests := &table{holds: map[string]map[string]any{}}, make([]state.GetRequest, n)
	for i := range requests {
		requests[i].Key = strconv.Itoa(i)
		there.holds[requests[i].Key] = held(requests[i].Key)
	}
	return there, requests
}

func read(t *testing.T, s *actorStore, requests []state.GetRequest) []state.BulkGetResponse {
	answers, err := s.BulkGet(context.Background(), requests, state.BulkGetOpts{Parallelism: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(answers) != len(requests) {
		t.Fatal(len(answers))
	}
	for i := range answers {
		if answers[i].Key != requests[i].Key {
			t.Fatalf("%q in the place of %q", answers[i].Key, requests[i].Key)
		}
	}
	return answers
}

func expectAll(t *testing.T, answers []state.BulkGetResponse) {
	for _, answer := range answers {
		if answer.Error != "" || string(answer.Data) != `"`+answer.Key+`"` || answer.ETag == nil || *answer.ETag != "e"+answer.Key {
			t.Fatal(answer)
		}
	}
}

func TestManyKeysAreReadAHundredAtATimeAndConsistently(t *testing.T) {
	there, requests := holding(250)
	expectAll(t, read(t, against(t, there), requests))
	sizes := 0
	for _, batch := range there.batches {
		sizes += len(batch)
	}
	if len(there.batches) != 3 || sizes != 250 {
		t.Error(len(there.batches), sizes)
	}
}

func TestNothingIsAskedForNoKeys(t *testing.T) {
	there := &table{}
	if read(t, against(t, there), nil); len(there.asked) != 0 {
		t.Error(there.asked)
	}
}

func TestAKeyThatIsNamedTwiceIsReadOnceAndAnsweredTwice(t *testing.T) {
	there, requests := holding(2)
	requests = append(requests, requests[0])
	expectAll(t, read(t, against(t, there), requests))
	if fmt.Sprint(there.batches) != "[[0 1]]" {
		t.Error(there.batches)
	}
}

func TestWhatIsNotThereHasNoDataAndNoError(t *testing.T) {
	answers := read(t, against(t, &table{}), []state.GetRequest{{Key: "none"}})
	if answers[0].Data != nil || answers[0].ETag != nil || answers[0].Error != "" || answers[0].Metadata != nil {
		t.Error(answers)
	}
}

func TestWhatDynamoDBLeftOutIsAskedForAgain(t *testing.T) {
	there, requests := holding(10)
	there.atOnce, there.throttles = 4, 2
	expectAll(t, read(t, against(t, there), requests))
	if len(there.batches) != 5 || len(there.batches[4]) != 2 {
		t.Error(there.batches)
	}
}

func TestThrottledForTooLongIsAnErrorOfEachKeyThatIsLeft(t *testing.T) {
	there, requests := holding(3)
	there.throttles = mostThrottled
	for _, answer := range read(t, against(t, there), requests) {
		if !strings.Contains(answer.Error, "throttled") || answer.Data != nil {
			t.Error(answer)
		}
	}
}

func TestACallerThatLeavesEndsTheWaiting(t *testing.T) {
	there, requests := holding(1)
	there.throttles = mostThrottled
	s := against(t, there)
	ctx, leave := context.WithCancel(context.Background())
	leave()
	answers, err := s.BulkGet(ctx, requests, state.BulkGetOpts{})
	if err != nil || !strings.Contains(answers[0].Error, "canceled") {
		t.Error(answers, err)
	}
}

func TestARefusedBatchIsAnErrorOfEachOfItsKeys(t *testing.T) {
	there, requests := holding(2)
	there.fails = true
	for _, answer := range read(t, against(t, there), requests) {
		if !strings.Contains(answer.Error, "ValidationException") {
			t.Error(answer)
		}
	}
}

func TestAnItemIsShownAsTheStockGetShowsIt(t *testing.T) {
	item := func(value types.AttributeValue, expires string) map[string]types.AttributeValue {
		made := map[string]types.AttributeValue{"value": value, "etag": text("1")}
		if expires != "" {
			made["expiresAt"] = &types.AttributeValueMemberN{Value: expires}
		}
		return made
	}
	if bytes := store().shown(item(&types.AttributeValueMemberB{Value: []byte{1, 2}}, ""), now); string(bytes.Data) != "\x01\x02" || bytes.Metadata != nil {
		t.Error(bytes)
	}
	if later := store().shown(item(text("1"), "1000001"), now); string(later.Data) != "1" || later.Metadata["ttlExpireTime"] != "1970-01-12T13:46:41Z" {
		t.Error(later)
	}
	if over := store().shown(item(text("1"), "1000000"), now); over.Data != nil || over.ETag != nil || over.Error != "" {
		t.Error(over)
	}
	if odd := store().shown(item(&types.AttributeValueMemberBOOL{Value: true}, ""), now); odd.Error == "" {
		t.Error(odd)
	}
	if odd := store().shown(item(text("1"), "soon"), now); odd.Error == "" {
		t.Error(odd)
	}
}
