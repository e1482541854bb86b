/** The OpenAPI 3.1 document, made of the route table: what is not in the table is not documented, and the other way round. */
import { z } from 'zod';
import type { Code } from '../errors.ts';
import { CODES } from '../errors.ts';
import { PROBLEM_TYPE } from './problem.ts';
import type { Route } from './route.ts';
import { NAMED } from './schemas.ts';

type Json = Record<string, unknown>;

/** What any request can meet, whatever its route. */
const ALWAYS: readonly Code[] = ['internal'];

/** The document for a daemon of this version. */
export function openapiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const item = paths[route.path] ?? {};
    item[route.method.toLowerCase()] = operationOf(route);
    paths[route.path] = item;
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'poold',
      version,
      description:
        'Over api.sock every caller is an admin, over lease.sock it has the role lease; over TCP a bearer token carries one of the roles read < lease < operate < admin (`x-role`).',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: { schemas: components(), securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}

function operationOf(route: Route): Json {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query'), ...headersOf(route)];
  const required = route.body !== null && Object.values(route.body.shape).some((value) => !value.safeParse(undefined).success);
  return {
    operationId: route.id,
    summary: route.says,
    'x-role': route.access,
    ...(route.access === 'open' ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === null
      ? {}
      : { requestBody: { required, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } }),
    responses: { ...answersOf(route), ...problemsOf(route) },
  };
}

const ACTOR = { name: 'Poold-Actor', says: 'Over a socket: who asks (user@tty), kept as claimed' } as const;

function headersOf(route: Route): readonly Json[] {
  const read = route.method === 'GET' ? route.headers : [...route.headers, ACTOR];
  return read.map(({ name, says }) => ({ name, in: 'header', required: false, description: says, schema: { type: 'string' } }));
}

function parametersOf(schema: z.ZodObject, place: 'path' | 'query'): readonly Json[] {
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function answersOf(route: Route): Json {
  return Object.fromEntries(
    route.answers.map(({ status, says, schema, type }) => [
      String(status),
      {
        description: says,
        content: { [type ?? 'application/json']: { schema: schema === undefined ? { type: 'string' } : schemaOf(schema, 'output') } },
      },
    ]),
  );
}

function problemsOf(route: Route): Json {
  const codes: readonly Code[] = [
    ...route.refusals,
    ...ALWAYS,
    'invalid_request',
    ...(route.access === 'open' ? [] : (['unauthorized', 'rate_limited'] as const)),
    'forbidden',
    ...(route.body === null ? [] : (['too_large'] as const)),
  ];
  const byStatus = Map.groupBy(codes, (code) => CODES[code].status);
  const rows = [...byStatus].map(([status, list]) => [
    String(status),
    {
      description: list.map((code) => `\`${code}\`: ${CODES[code].title}`).join('; '),
      content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]);
  return Object.fromEntries(rows);
}

/** All named schemas and this one go into a registry of their own, so that the named ones become references. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const nameOf = Object.entries(NAMED).find(([, named]) => named === schema)?.[0];
  if (nameOf !== undefined) return { $ref: `#/components/schemas/${nameOf}` };
  const registry = z.registry<{ id: string }>();
  for (const [id, named] of Object.entries(NAMED)) registry.add(named, { id });
  registry.add(schema, { id: 'asked' });
  return plain(jsonSchemas(registry, io).asked ?? {});
}

function components(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, named] of Object.entries(NAMED)) registry.add(named, { id });
  return Object.fromEntries(Object.entries(jsonSchemas(registry, 'output')).map(([id, schema]) => [id, plain(schema)]));
}

function jsonSchemas(registry: z.core.$ZodRegistry<{ id: string }>, io: 'input' | 'output'): Record<string, Json> {
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    // Answers may grow ("additions are welcome"): a client must not be told that what it does not know is an error.
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return schemas as Record<string, Json>;
}

/** In a document with its own dialect neither `$schema` nor `$id` of a part is wanted. */
function plain({ $schema: _dialect, $id: _id, ...schema }: Json): Json {
  return schema;
}
