/**
 * `bare-framework.ts SOCKET`: what poold's lease figures cannot get above on this machine. The same two requests to the same framework, each answered
 * when its row is stored, all of one turn of the event loop by one commit; and nothing else: no rules, no checks, no events, no metrics.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { fastify } from 'fastify';

const [socketPath = ''] = process.argv.slice(2);
const db = new DatabaseSync(`${socketPath}.db`);
db.exec(
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE leases (id TEXT PRIMARY KEY NOT NULL, lease TEXT NOT NULL) STRICT, WITHOUT ROWID',
);
const [begin, commit, put, drop] = ['BEGIN IMMEDIATE', 'COMMIT', 'INSERT INTO leases VALUES (?, ?)', 'DELETE FROM leases WHERE id = ?'].map(
  (sql) => db.prepare(sql),
);

let due: { readonly store: () => unknown; readonly done: () => void }[] = [];

function stored(store: () => unknown): Promise<void> {
  if (due.length === 0) setImmediate(commitAll);
  return new Promise((done) => due.push({ store, done }));
}

function commitAll(): void {
  const all = due;
  due = [];
  begin?.run();
  for (const { store } of all) store();
  commit?.run();
  for (const { done } of all) done();
}

const app = fastify({ logger: false });
let issued = 0;
app.post('/v1/pools/:pool/leases', async (request, reply) => {
  const { holder } = request.body as { readonly holder: string };
  issued += 1;
  const lease = { id: `l-${randomUUID()}`, token: `1-${issued}`, holder, slot: issued % 64, grantedAt: new Date().toISOString() };
  await stored(() => put?.run(lease.id, JSON.stringify(lease)));
  return reply.code(201).send(lease);
});
app.delete('/v1/leases/:id', async (request) => {
  const { id } = request.params as { readonly id: string };
  await stored(() => drop?.run(id));
  return { outcome: 'released' };
});
await app.listen({ path: socketPath });
