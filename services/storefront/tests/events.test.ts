import { describe, expect, it } from 'vitest';
import { EventParser, type StreamEvent } from '../src/api/events';

const read = (...pieces: string[]): StreamEvent[] => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.feed(piece));
};

describe('a stream of events', () => {
  it('tells an event at its blank line, not before', () => {
    const parser = new EventParser();
    expect(parser.feed('id: 3\nevent: order\ndata: {"a":1}\n')).toEqual([]);
    expect(parser.feed('\n')).toEqual([{ event: 'order', data: '{"a":1}', id: '3' }]);
  });

  it('reads the same however it is cut into pieces, with each kind of line end', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const text = ['\ufeff: hello', 'id: 1', 'event: order', 'data: one', 'data: two', '', ': beat', '', 'data:three', '', 'data: four', '', ': the end', ''].join(end);
      const whole = read(text);
      expect(whole).toEqual([
        { event: 'order', data: 'one\ntwo', id: '1' },
        { event: 'message', data: 'three', id: '1' },
        { event: 'message', data: 'four', id: '1' },
      ]);
      expect(read(...text)).toEqual(whole);
      for (let cut = 1; cut < text.length; ++cut) expect(read(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    }
  });

  it('waits for no line feed after a carriage return', () => {
    const parser = new EventParser();
    expect(parser.feed('data: a\r\n\r')).toEqual([{ event: 'message', data: 'a', id: '' }]);
    expect(parser.feed('\ndata: b\r')).toEqual([]);
    expect(parser.feed('\r')).toEqual([{ event: 'message', data: 'b', id: '' }]);
  });

  it('keeps how soon its reader is wanted back, if that is a number', () => {
    const parser = new EventParser();
    expect(parser.retry).toBeUndefined();
    parser.feed('retry: 2500\nretry: soon\nretry: -1\nretry\n');
    expect(parser.retry).toBe(2500);
  });

  it('tells nothing of comments, of unknown fields, and of an event without data', () => {
    expect(read(': beat\n\nretry: 10\nevent: order\n\nfoo: bar\n\ndata: x\n\n')).toEqual([{ event: 'message', data: 'x', id: '' }]);
  });

  it('takes one space after the colon away, and a line without a colon as an empty value', () => {
    expect(read('data:  x\ndata\n\n')).toEqual([{ event: 'message', data: ' x\n', id: '' }]);
  });

  it('keeps an id until the next, and takes none with a NUL', () => {
    expect(read('id: 7\ndata: a\n\nid: 8\0\ndata: b\n\nid\ndata: c\n\n').map(({ id }) => id)).toEqual(['7', '7', '']);
  });
});
