/** What an answer must be, whatever was asked. */
import { problemSchema } from '../../src/api/problem.ts';
import type { Route } from '../../src/api/route.ts';
import { methodsOf, ROUTES } from '../../src/api/routes.ts';
import type { Code } from '../../src/errors.ts';
import { CODES } from '../../src/errors.ts';
import type { Answer } from './wire.ts';

/** What a request that never got to its route, or was none, may be refused with; `internal` is nobody's. */
const ANYWHERE: readonly Code[] = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'rate_limited',
  'too_large',
  'not_found',
  'method_not_allowed',
];

/** A line of a stack, a file of ours, or the name of what we are made of. */
const OURS = /\n\s+at |\.[jt]s:\d+|node_modules|node:internal|\/src\/|\/poold-machine-|fastify|FST_ERR|zod|SQLITE/i;

/** The row that a request with this method to the path of that operation is for, or null where there is none. */
export function routeOf(operationId: string, method: string): Route | null {
  const meant = ROUTES.find((route) => route.id === operationId);
  if (meant === undefined) throw new Error(`the document has a route ${operationId} that the table has not`);
  return ROUTES.find((route) => route.path === meant.path && methodsOf(route).includes(method)) ?? null;
}

/** What is wrong with it, or null. `route`: null where it went nowhere. */
export function faultOf(answer: Answer, { route, method }: { readonly route: Route | null; readonly method: string }): string | null {
  const { status, headers, body } = answer;
  if (!Number.isInteger(status)) return 'no status line of HTTP/1.1';
  if (status >= 400) return faultOfRefusal(answer, { route, method });
  if (route === null) return `status ${status} from no route`;
  const declared = route.answers.find((one) => one.status === status);
  if (declared === undefined) return `status ${status} is not one of the route`;
  if (method === 'HEAD' || body.length === 0) return null;
  if (declared.schema === undefined || !headers.get('content-type')?.startsWith('application/json')) return null;
  const parsed = declared.schema.safeParse(JSON.parse(body.toString()));
  return parsed.success ? null : `the answer is not what its schema says: ${parsed.error.message}`;
}

function faultOfRefusal({ status, headers, body }: Answer, { route, method }: { route: Route | null; method: string }): string | null {
  if (!headers.get('content-type')?.startsWith('application/problem+json'))
    return `${status} is no problem reply: ${body.toString().slice(0, 200)}`;
  if (method === 'HEAD') return status >= 500 && !route?.refusals.some((code) => CODES[code].status === status) ? `status ${status}` : null;
  const text = body.toString();
  const parsed = problemSchema.safeParse(JSON.parse(text));
  if (!parsed.success) return `a problem reply of another form: ${text}`;
  const { code } = parsed.data;
  if (CODES[code].status !== status || parsed.data.status !== status) return `${status} for ${code}`;
  if (![...ANYWHERE, ...(route?.refusals ?? [])].includes(code)) return `${code} is not declared: ${text}`;
  return OURS.test(text) ? `it tells of our insides: ${text}` : null;
}
