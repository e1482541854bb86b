/** The route table: the server registers it, OpenAPI and the tests are made of it. */
import { openapiDocument } from './openapi.ts';
import type { Route } from './route.ts';
import { ACTING_ROUTES } from './routes-acting.ts';
import { daemonRoutes } from './routes-daemon.ts';
import { LEASE_ROUTES } from './routes-leases.ts';
import { POOL_ROUTES } from './routes-pools.ts';
import { STREAM_ROUTES } from './routes-streams.ts';
import { TICKET_ROUTES } from './routes-tickets.ts';

export const ROUTES: readonly Route[] = [
  ...daemonRoutes((version) => openapiDocument(ROUTES, version)),
  ...POOL_ROUTES,
  ...STREAM_ROUTES,
  ...ACTING_ROUTES,
  ...LEASE_ROUTES,
  ...TICKET_ROUTES,
];

/** The methods that the table has for a path as requested, `[]` when there is no such path. */
export function methodsAt(routes: readonly Route[], path: string): readonly string[] {
  const methods = routes.filter((route) => patternOf(route.path).test(path)).flatMap((route) => methodsOf(route));
  return [...new Set(methods)];
}

/** HEAD goes with every GET that ends by itself. */
export function methodsOf(route: Route): readonly string[] {
  return route.method === 'GET' && !route.streams ? ['GET', 'HEAD'] : [route.method];
}

const patterns = new Map<string, RegExp>();

function patternOf(path: string): RegExp {
  const known = patterns.get(path);
  if (known !== undefined) return known;
  const made = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
  patterns.set(path, made);
  return made;
}
