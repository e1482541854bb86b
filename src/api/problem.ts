/** RFC 9457: how a refusal looks on the wire. Nothing of a stack, a path of ours or a foreign message gets into it. */
import { z } from 'zod';
import { hint } from '../config/nearest.ts';
import { CODES, PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { code } from './schema-parts.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export const problemSchema = z.strictObject({
  type: z.string().describe('`urn:poold:problem:<code>`'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What could not be done, why, and what to do next'),
  code,
  retriable: z.boolean().describe('The same request may succeed later'),
  retryAfterMs: z.number().optional(),
  pool: z.string().optional(),
  reason: z.string().optional(),
  maintenance: z
    .strictObject({ type: z.literal('drain'), allowsQueueProcessing: z.boolean(), acceptsNewConnections: z.boolean() })
    .optional()
    .describe('Of a refusal while draining'),
});
export type Problem = z.infer<typeof problemSchema>;

/** The body of a refusal; its `status` is the status of the answer. */
export function problemOf(error: PooldError): Problem {
  const { status, title } = CODES[error.code];
  const { retryAfterMs, pool, reason, maintenance, retriable = CODES[error.code].retriable } = error.facts;
  return {
    type: `urn:poold:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    retriable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(pool === undefined ? {} : { pool }),
    ...(reason === undefined ? {} : { reason }),
    ...(maintenance === undefined ? {} : { maintenance }),
  };
}

/** Headers that go with it: `Retry-After` in whole seconds, never 0, so that nobody spins. */
export function problemHeaders(problem: Problem): Record<string, string> {
  return {
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    ...(problem.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(problem.retryAfterMs / 1000))) }),
    ...(problem.code === 'unauthorized' ? { 'www-authenticate': 'Bearer realm="poold"' } : {}),
  };
}

/** Checks `value` against a schema. Throws PooldError `invalid_request` that names each problem, for an unknown key with the nearest known one. */
export function accept<S extends z.ZodObject>(schema: S, value: unknown, part: 'path' | 'query' | 'body'): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const shown = issues.slice(0, LIMITS.problemsShown).map((issue) => sentenceOf(issue, Object.keys(schema.shape)));
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : '';
  throw new PooldError('invalid_request', `cannot accept the ${part} of the request: ${shown.join('; ')}${more}`);
}

function sentenceOf(issue: z.core.$ZodIssue, known: readonly string[]): string {
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, LIMITS.problemsShown)
      .map((key) => unknownKey(key, known))
      .join('; ');
  const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  return `${where}${issue.message}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  return `unknown key ${JSON.stringify(key.slice(0, 64))}, ${hint(key, known)}`;
}
