// Package dynamodb is the stock DynamoDB state store with what actors need besides: strong reads, and numbered writes.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

// revisionAttribute keeps the number beside the item's value. What the stock component wrote has none, and is overwritten.
const revisionAttribute = "revision"

// actorStore is the stock DynamoDB component with the two things an actor needs of it and does not get.
//
// Strong reads: Dapr's actor state reads ask for no consistency, and the component then reads eventually; a freshly
// activated actor could see the state from before its last write.
//
// Fencing: two hosts can hold the same actor for a moment, when one of them was paused or cut off while another took over
// (dapr issue 9514), and the API for actor state has no condition. The slower one would overwrite what the other committed.
type actorStore struct {
	*stock.StateStore
	bulk   state.BulkStore
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
	s := &actorStore{StateStore: stock.NewDynamoDBStateStore(l).(*stock.StateStore), log: l}
	s.bulk = state.NewDefaultBulkStore(s)
	return s
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

func (s *actorStore) BulkGet(ctx context.Context, req []state.GetRequest, opts state.BulkGetOpts) ([]state.BulkGetResponse, error) {
	return s.bulk.BulkGet(ctx, req, opts)
}

// Multi is the stock component's, except for transactions with a numbered write.
func (s *actorStore) Multi(ctx context.Context, request *state.TransactionalStateRequest) error {
	if !numbered(request.Operations) {
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
// document only.
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
			put.ExpressionAttributeValues = map[string]types.AttributeValue{":previous": number(n - 1)}
		}
		put.ConditionExpression = &condition
	}
	return put, nil
}

func text(value string) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: value}
}

func number(value int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
}
