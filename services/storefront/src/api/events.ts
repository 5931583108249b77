/** One event of a stream (server-sent events, WHATWG HTML 9.2). */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The last id that the stream has named; kept until it names another. */
  readonly id: string;
}

/**
 * Reads a stream of server-sent events from pieces of text as they come. EventSource would, but cannot send an Authorization
 * header, and the order of a customer is shown to nobody without one.
 */
export class EventParser {
  private rest = '';
  private begun = false;
  private data: string[] = [];
  private event = '';
  private id = '';

  /** The events that this piece completes. */
  feed(piece: string): StreamEvent[] {
    this.rest += piece;
    if (!this.begun && this.rest !== '') {
      this.begun = true;
      if (this.rest.startsWith('\ufeff')) this.rest = this.rest.slice(1);
    }
    const found: StreamEvent[] = [];
    for (;;) {
      const end = this.rest.search(/[\r\n]/);
      if (end < 0) return found;
      // A carriage return at the end may be half of a line's end.
      if (this.rest[end] === '\r' && end === this.rest.length - 1) return found;
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + (this.rest.startsWith('\r\n', end) ? 2 : 1));
      const event = this.line(line);
      if (event) found.push(event);
    }
  }

  private line(line: string): StreamEvent | undefined {
    if (line === '') {
      const event = { event: this.event || 'message', data: this.data.join('\n'), id: this.id };
      const empty = this.data.length === 0;
      this.event = '';
      this.data = [];
      return empty ? undefined : event;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') this.data.push(value);
    else if (name === 'event') this.event = value;
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    return undefined;
  }
}
