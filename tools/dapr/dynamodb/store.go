// Package dynamodb is the stock DynamoDB state store with what actors need besides: strong reads, numbered writes, reads of many
// keys at once, and single writes without the price of a transaction.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	jsoniter "github.com/json-iterator/go"

	awscommon "github.com/dapr/components-contrib/common/aws"
	awsauth "github.com/dapr/components-contrib/common/aws/auth"
	"github.com/dapr/components-contrib/state"
	stock "github.com/dapr/components-contrib/state/aws/dynamodb"
	"github.com/dapr/kit/logger"
	kitmd "github.com/dapr/kit/metadata"
	"github.com/google/uuid"
)

// revisionMetadata numbers the writes of one key: with it, a transaction's upsert is write n and is refused unless the
// stored one is write n-1. The actor library sends it with every actor's document (StateOperation::revision there).
const revisionMetadata = "revision"

// featureRevisions tells the library that writes are fenced: the sidecar's metadata lists it among the component's capabilities.
const featureRevisions state.Feature = "WRITE_REVISIONS"

// revisionAttribute keeps the number beside the item's value. What the stock component wrote has none, and is overwritten.
const revisionAttribute = "revision"

// DynamoDB's own limit for one BatchGetItem.
const mostOfABatch = 100

// mostBatches bounds how many batches of one bulk read are under way, whatever the caller allows. Each may hold 16 MB.
const mostBatches = 10

// A batch that DynamoDB throttles is asked for again after pauses that double; after mostThrottled answers in a row that
// brought nothing, some two seconds later, its keys are given up.
const (
	mostThrottled = 7
	firstPause    = 20 * time.Millisecond
)

// actorStore is the stock DynamoDB component with the two things an actor needs of it and does not get.
//
// Strong reads: Dapr's actor state reads ask for no consistency, and the component then reads eventually; a freshly
// activated actor could see the state from before its last write.
//
// Fencing: two hosts can hold the same actor for a moment, when one of them was paused or cut off while another took over
// (dapr issue 9514), and the API for actor state has no condition. The slower one would overwrite what the other committed.
type actorStore struct {
	*stock.StateStore
	log    logger.Logger
	client *awsdynamodb.Client
	meta   storeMetadata
}

// storeMetadata is what the component's own metadata says and keeps to itself.
type storeMetadata struct {
	AccessKey        string `mapstructure:"accessKey"`
	SecretKey        string `mapstructure:"secretKey"`
	SessionToken     string `mapstructure:"sessionToken"`
	Region           string `mapstructure:"region" mapstructurealiases:"awsRegion"`
	Endpoint         string `mapstructure:"endpoint"`
	Table            string `mapstructure:"table"`
	TTLAttributeName string `mapstructure:"ttlAttributeName"`
	PartitionKey     string `mapstructure:"partitionKey"`
}

// New makes a store that is not initialised yet.
func New(l logger.Logger) state.Store {
	return &actorStore{StateStore: stock.NewDynamoDBStateStore(l).(*stock.StateStore), log: l}
}

// Features implements state.Store.
func (s *actorStore) Features() []state.Feature {
	return append(s.StateStore.Features(), featureRevisions)
}

func (s *actorStore) Init(ctx context.Context, metadata state.Metadata) error {
	if err := s.StateStore.Init(ctx, metadata); err != nil {
		return err
	}
	s.meta.PartitionKey = "key"
	if err := kitmd.DecodeMetadata(metadata.Properties, &s.meta); err != nil {
		return err
	}
	config, err := awscommon.NewConfig(ctx, awsauth.Options{
		Logger: s.log, Properties: metadata.Properties, Region: s.meta.Region, Endpoint: s.meta.Endpoint,
		AccessKey: s.meta.AccessKey, SecretKey: s.meta.SecretKey, SessionToken: s.meta.SessionToken,
	})
	if err != nil {
		return err
	}
	s.client = awsdynamodb.NewFromConfig(config)
	return nil
}

func (s *actorStore) Get(ctx context.Context, req *state.GetRequest) (*state.GetResponse, error) {
	strong := *req
	strong.Options.Consistency = state.Strong
	return s.StateStore.Get(ctx, &strong)
}

// BulkGet answers in the order of the requests, each key on its own: what could not be read has an error, what is not there
// has no data. As the default bulk store does it, but with one call for a hundred keys instead of a call a key.
func (s *actorStore) BulkGet(ctx context.Context, req []state.GetRequest, opts state.BulkGetOpts) ([]state.BulkGetResponse, error) {
	distinct := make([]string, 0, len(req))
	at := make(map[string][]int, len(req)) // DynamoDB refuses a batch that names a key twice
	answers := make([]state.BulkGetResponse, len(req))
	for i := range req {
		key := req[i].Key
		if at[key] == nil {
			distinct = append(distinct, key)
		}
		at[key] = append(at[key], i)
		answers[i].Key = key
	}
	limit := mostBatches
	if opts.Parallelism > 0 {
		limit = min(limit, opts.Parallelism)
	}
	tokens := make(chan struct{}, limit)
	var all sync.WaitGroup
	for begin := 0; begin < len(distinct); begin += mostOfABatch {
		keys := distinct[begin:min(begin+mostOfABatch, len(distinct))]
		tokens <- struct{}{}
		all.Add(1)
		go func() {
			defer func() { <-tokens; all.Done() }()
			found, failed := s.batch(ctx, keys)
			now := time.Now()
			for _, key := range keys {
				var answer state.BulkGetResponse
				if err := failed[key]; err != nil {
					answer.Error = err.Error()
				} else if item := found[key]; item != nil {
					answer = s.shown(item, now)
				}
				answer.Key = key
				for _, i := range at[key] {
					answers[i] = answer
				}
			}
		}()
	}
	all.Wait()
	return answers, nil
}

// batch reads up to a hundred different keys. DynamoDB leaves out what would make the answer larger than 16 MB, and what it
// had no capacity for.
func (s *actorStore) batch(ctx context.Context, keys []string) (map[string]map[string]types.AttributeValue, map[string]error) {
	found := make(map[string]map[string]types.AttributeValue, len(keys))
	open := make([]map[string]types.AttributeValue, 0, len(keys))
	for _, key := range keys {
		open = append(open, map[string]types.AttributeValue{s.meta.PartitionKey: text(key)})
	}
	strong := true
	for throttled := 0; ; {
		answer, err := s.client.BatchGetItem(ctx, &awsdynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.meta.Table: {Keys: open, ConsistentRead: &strong}},
		})
		if err != nil {
			return found, s.failed(open, err)
		}
		for _, item := range answer.Responses[s.meta.Table] {
			if key, ok := item[s.meta.PartitionKey].(*types.AttributeValueMemberS); ok {
				found[key.Value] = item
			}
		}
		left := answer.UnprocessedKeys[s.meta.Table].Keys
		if len(left) == 0 {
			return found, nil
		}
		if len(left) < len(open) {
			throttled, open = 0, left
			continue
		}
		if throttled++; throttled == mostThrottled {
			return found, s.failed(open, errors.New("dynamodb error: throttled: not processed in time"))
		}
		pause := firstPause << (throttled - 1)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return found, s.failed(open, ctx.Err())
		}
	}
}

func (s *actorStore) failed(keys []map[string]types.AttributeValue, err error) map[string]error {
	failed := make(map[string]error, len(keys))
	for _, key := range keys {
		if name, ok := key[s.meta.PartitionKey].(*types.AttributeValueMemberS); ok {
			failed[name.Value] = err
		}
	}
	return failed
}

// shown is what the stock Get makes of an item: of one that has expired, nothing, though DynamoDB may take two days to
// remove it.
func (s *actorStore) shown(item map[string]types.AttributeValue, now time.Time) (answer state.BulkGetResponse) {
	var data []byte
	switch value := item["value"].(type) {
	case nil, *types.AttributeValueMemberNULL:
	case *types.AttributeValueMemberB:
		data = value.Value
	case *types.AttributeValueMemberS:
		data = []byte(value.Value)
	default:
		answer.Error = fmt.Sprintf("dynamodb error: unsupported attribute value type %T", value)
		return answer
	}
	if expiry := item[s.meta.TTLAttributeName]; s.meta.TTLAttributeName != "" && expiry != nil {
		seconds, err := int64(0), errors.New("not a number")
		if n, ok := expiry.(*types.AttributeValueMemberN); ok {
			seconds, err = strconv.ParseInt(n.Value, 10, 64)
		}
		if err != nil {
			answer.Error = fmt.Sprintf("dynamodb error: attribute %s: %v", s.meta.TTLAttributeName, err)
			return answer
		}
		if seconds <= now.Unix() {
			return answer
		}
		answer.Metadata = map[string]string{state.GetRespMetaKeyTTLExpireTime: time.Unix(seconds, 0).UTC().Format(time.RFC3339)}
	}
	answer.Data = data
	if etag, ok := item["etag"].(*types.AttributeValueMemberS); ok {
		answer.ETag = &etag.Value
	}
	return answer
}

// Multi is the stock component's, except for transactions with a numbered write, and for those of a single write.
func (s *actorStore) Multi(ctx context.Context, request *state.TransactionalStateRequest) error {
	if !numbered(request.Operations) && !single(request.Operations) {
		return s.StateStore.Multi(ctx, request)
	}
	items, err := s.items(request.Operations, time.Now())
	if err != nil {
		return err
	}
	if len(items) == 1 && items[0].Put != nil {
		return s.putAlone(ctx, items[0].Put)
	}
	_, err = s.client.TransactWriteItems(ctx, &awsdynamodb.TransactWriteItemsInput{TransactItems: items})
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		for _, reason := range cancelled.CancellationReasons {
			if reason.Code != nil && *reason.Code == "ConditionalCheckFailed" {
				return writtenByAnother(err)
			}
		}
	}
	return err
}

// putAlone does without a transaction, which costs twice the capacity units and takes longer. Most turns write their
// document only, and most changes of the catalog one item.
func (s *actorStore) putAlone(ctx context.Context, put *types.Put) error {
	_, err := s.client.PutItem(ctx, &awsdynamodb.PutItemInput{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression,
		ExpressionAttributeNames: put.ExpressionAttributeNames, ExpressionAttributeValues: put.ExpressionAttributeValues,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return err
	}
	// The client repeats a request whose answer was lost. A transaction carries a token by which the repeat is known; here it
	// finds what the first one wrote.
	stored, _ := refused.Item["etag"].(*types.AttributeValueMemberS)
	if stored != nil && stored.Value == put.Item["etag"].(*types.AttributeValueMemberS).Value {
		return nil
	}
	return writtenByAnother(err)
}

func writtenByAnother(err error) error {
	return state.NewETagError(state.ETagMismatch, fmt.Errorf("written by another host since this one read it: %w", err))
}

func numbered(operations []state.TransactionalStateOperation) bool {
	for _, operation := range operations {
		if set, ok := operation.(state.SetRequest); ok && set.Metadata[revisionMetadata] != "" {
			return true
		}
	}
	return false
}

// single tells whether it comes to one write, of one key.
func single(operations []state.TransactionalStateOperation) bool {
	for _, operation := range operations {
		if _, ok := operation.(state.SetRequest); !ok || operation.GetKey() != operations[0].GetKey() {
			return false
		}
	}
	return len(operations) > 0
}

// items translates the operations; the last one of a key counts, since DynamoDB takes one an item.
func (s *actorStore) items(operations []state.TransactionalStateOperation, now time.Time) ([]types.TransactWriteItem, error) {
	last := map[string]int{}
	for i, operation := range operations {
		last[operation.GetKey()] = i
	}
	items := make([]types.TransactWriteItem, 0, len(operations))
	for i, operation := range operations {
		if last[operation.GetKey()] != i {
			continue
		}
		switch req := operation.(type) {
		case state.SetRequest:
			put, err := s.put(req, now)
			if err != nil {
				return nil, fmt.Errorf("dynamodb error: key %s: %w", req.Key, err)
			}
			items = append(items, types.TransactWriteItem{Put: put})
		case state.DeleteRequest:
			items = append(items, types.TransactWriteItem{Delete: &types.Delete{
				TableName: &s.meta.Table, Key: map[string]types.AttributeValue{s.meta.PartitionKey: text(req.Key)},
			}})
		default:
			return nil, fmt.Errorf("dynamodb error: unknown operation %T", operation)
		}
	}
	return items, nil
}

func (s *actorStore) put(req state.SetRequest, now time.Time) (*types.Put, error) {
	// As the stock component stores it, so that either reads what the other wrote.
	var value types.AttributeValue
	if bytes, ok := req.Value.([]byte); ok {
		value = &types.AttributeValueMemberB{Value: bytes}
	} else {
		encoded, err := jsoniter.ConfigFastest.MarshalToString(req.Value)
		if err != nil {
			return nil, err
		}
		value = text(encoded)
	}
	put := &types.Put{TableName: &s.meta.Table, Item: map[string]types.AttributeValue{
		s.meta.PartitionKey: text(req.Key), "value": value, "etag": text(uuid.NewString()),
	}}
	if ttl := req.Metadata["ttlInSeconds"]; ttl != "" && s.meta.TTLAttributeName != "" {
		seconds, err := strconv.ParseInt(ttl, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("ttlInSeconds: %w", err)
		}
		put.Item[s.meta.TTLAttributeName] = number(now.Unix() + seconds)
	}
	var conditions []string
	values := map[string]types.AttributeValue{}
	if revision := req.Metadata[revisionMetadata]; revision != "" {
		n, err := strconv.ParseInt(revision, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s is %q: must be a number from 1", revisionMetadata, revision)
		}
		put.Item[revisionAttribute] = number(n)
		put.ExpressionAttributeNames = map[string]string{"#revision": revisionAttribute}
		condition := "attribute_not_exists(#revision)"
		if n > 1 {
			condition += " OR #revision = :previous"
			values[":previous"] = number(n - 1)
		}
		conditions = append(conditions, condition)
	}
	// As the stock component asks for them.
	if req.HasETag() {
		conditions = append(conditions, "etag = :etag")
		values[":etag"] = text(*req.ETag)
	} else if req.Options.Concurrency == state.FirstWrite {
		conditions = append(conditions, "attribute_not_exists(etag)")
	}
	switch len(conditions) {
	case 1:
		put.ConditionExpression = &conditions[0]
	case 2:
		both := "(" + conditions[0] + ") AND " + conditions[1]
		put.ConditionExpression = &both
	}
	if len(values) > 0 { // DynamoDB refuses an empty map
		put.ExpressionAttributeValues = values
	}
	return put, nil
}

func text(value string) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: value}
}

func number(value int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
}
