/** What went wrong with a request, as a value: the service's own words (RFC 9457), or why there are none. */
export interface Problem {
  readonly kind:
    | 'refused' // The service said no, and says why.
    | 'offline' // This device has no network.
    | 'unreachable' // No answer came, though the device has a network.
    | 'late' // No answer came in time.
    | 'unreadable' // The answer is not what the contract says.
    | 'given_up'; // Nobody waits for the answer any more.
  /** The answer's status; 0 without one. */
  readonly status: number;
  /** The last part of `urn:problem:ecommerce:…`, for example `out_of_stock`; empty for a plain HTTP error. */
  readonly code: string;
  /** For people, in English. */
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** Seconds after which another try may do better. */
  readonly retryAfter?: number;
}

export interface FieldError {
  /** A JSON pointer into the request's body, or into the cart. */
  readonly pointer: string;
  readonly detail: string;
  /** How many can be had, where too many were asked for. */
  readonly available?: number;
}

const CODE = 'urn:problem:ecommerce:';

export function without(kind: Exclude<Problem['kind'], 'refused'>, detail: string): Problem {
  return { kind, status: 0, code: '', detail, errors: [] };
}

/** Reads the body of a refusal. One that is not in the form of the contract still tells its status. */
export function problemOf(status: number, body: unknown, retryAfter: number | undefined): Problem {
  const said = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const type = typeof said.type === 'string' ? said.type : '';
  const problem = {
    kind: 'refused' as const,
    status,
    code: type.startsWith(CODE) ? type.slice(CODE.length) : '',
    detail: typeof said.detail === 'string' ? said.detail : `HTTP ${status}`,
    errors: Array.isArray(said.errors) ? said.errors.filter(isFieldError) : [],
  };
  return retryAfter === undefined ? problem : { ...problem, retryAfter };
}

function isFieldError(value: unknown): value is FieldError {
  if (typeof value !== 'object' || value === null) return false;
  const { pointer, detail, available } = value as Record<string, unknown>;
  return typeof pointer === 'string' && typeof detail === 'string' && (available === undefined || typeof available === 'number');
}
