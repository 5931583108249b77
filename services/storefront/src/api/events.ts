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
  /** Milliseconds after which the service wants its reader back, once it has said so. */
  retry: number | undefined;
  private rest = '';
  private begun = false;
  /** The last piece ended with a carriage return: a line feed that begins the next one belongs to it. */
  private halfEnd = false;
  private data: string[] = [];
  private event = '';
  private id = '';

  /** The events that this piece completes. */
  feed(piece: string): StreamEvent[] {
    if (piece === '') return [];
    this.rest += this.halfEnd && piece.startsWith('\n') ? piece.slice(1) : piece;
    this.halfEnd = piece.endsWith('\r');
    if (!this.begun) {
      this.begun = true;
      if (this.rest.startsWith('\ufeff')) this.rest = this.rest.slice(1);
    }
    const lines = this.rest.split(/\r\n|\r|\n/);
    this.rest = lines.pop()!;
    return lines.map((line) => this.line(line)).filter((event) => event !== undefined);
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
    else if (name === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return undefined;
  }
}
