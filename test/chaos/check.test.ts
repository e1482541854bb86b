/** Each promise is broken in a history on purpose, and found; what is only strange is not. */
import { describe, expect, it } from 'vitest';
import { LATE_MS } from './account.ts';
import { check } from './check.ts';
import type { History, Operation } from './history.ts';
import { acquire, binding, DIES_MS, grant, history, LIVES, listed, OPENS_MS, TTL_MS, use } from './story.ts';
import { trimmed } from './trim.ts';

const BEFORE = 200;
const AFTER = OPENS_MS + 20;
const ENDED = { is: 'refused', code: 'lease_ended' } as const;

function promises(given: History): string[] {
  return check(given).map(({ promise }) => promise);
}

function of(...operations: Operation[]): History {
  return history({ operations });
}

describe('an acknowledged grant', () => {
  it('that goes on after the death is as promised', () => {
    const operations = [acquire('1', { atMs: BEFORE }), use('verify', '1', { atMs: AFTER, answer: { is: 'verified' } })];
    expect(check(history({ operations, leases: [listed('1')] }))).toEqual([]);
  });

  it('is lost over the death', () => {
    expect(promises(of(acquire('1', { atMs: BEFORE }), use('verify', '1', { atMs: AFTER, answer: ENDED })))).toEqual(['held-over-death']);
    expect(
      promises(of(acquire('1', { atMs: BEFORE }), use('renew', '1', { atMs: AFTER, answer: { is: 'refused', code: 'stale_token' } }))),
    ).toEqual(['held-over-death']);
    expect(promises(of(acquire('1', { atMs: BEFORE }), use('release', '1', { atMs: AFTER, answer: { is: 'alreadyEnded' } })))).toEqual([
      'held-over-death',
    ]);
  });

  it('is not listed, or on another slot', () => {
    const operations = [acquire('1', { atMs: BEFORE })];
    expect(promises(history({ operations, leases: [] }))).toEqual(['held-over-death']);
    expect(promises(history({ operations, leases: [listed('1', { slot: 1 })] }))).toEqual(['held-over-death']);
  });

  it('is lost before its time without any death', () => {
    const operations = [acquire('1', { atMs: AFTER }), use('verify', '1', { atMs: AFTER + TTL_MS - 10, answer: ENDED })];
    expect(promises(of(...operations))).toEqual(['held-over-death']);
  });

  it('counts its time from its last renewal', () => {
    const renewal = use('renew', '1', { atMs: AFTER + 900, answer: { is: 'renewed', ttlMs: TTL_MS } });
    const late = use('verify', '1', { atMs: AFTER + 1_800, answer: ENDED });
    expect(promises(of(acquire('1', { atMs: AFTER }), renewal, late))).toEqual(['held-over-death']);
    expect(promises(of(acquire('1', { atMs: AFTER }), late))).toEqual([]);
    const unanswered = use('renew', '1', { atMs: AFTER + 900, answer: { is: 'none' } });
    expect(promises(of(acquire('1', { atMs: AFTER }), unanswered, late))).toEqual([]);
  });

  it('may be over when it was given back, answered or not', () => {
    const later = use('verify', '1', { atMs: AFTER, answer: ENDED });
    for (const is of ['released', 'none'] as const) {
      expect(promises(of(acquire('1', { atMs: BEFORE }), use('release', '1', { atMs: BEFORE + 50, answer: { is } }), later))).toEqual([]);
    }
  });

  it('may have run out before the death, or on the way', () => {
    const short = acquire('1', { atMs: BEFORE, answer: { is: 'granted', grant: grant('1', { ttlMs: 200 }) } });
    expect(promises(of(short, use('verify', '1', { atMs: AFTER, answer: ENDED })))).toEqual([]);
  });

  it('has a whole TTL from when its holder can get in', () => {
    const operations = [acquire('1', { atMs: BEFORE })];
    expect(promises(history({ operations, leases: [listed('1', { expiresMs: OPENS_MS + TTL_MS - 100 })] }))).toEqual([
      'full-ttl-after-start',
    ]);
    const gone = use('verify', '1', { atMs: OPENS_MS + TTL_MS - 50, answer: ENDED });
    expect(promises(of(...operations, gone))).toEqual(['held-over-death']);
  });
});

describe('what is over', () => {
  it('comes back after its release', () => {
    const release = use('release', '1', { atMs: BEFORE + 50, answer: { is: 'released' } });
    const operations = [acquire('1', { atMs: BEFORE }), release];
    for (const answer of [{ is: 'verified' }, { is: 'renewed', ttlMs: TTL_MS }, { is: 'released' }] as const) {
      const kind = answer.is === 'verified' ? 'verify' : answer.is === 'renewed' ? 'renew' : 'release';
      expect(promises(of(...operations, use(kind, '1', { atMs: AFTER, answer })))).toEqual(['ended-for-good']);
    }
    expect(promises(history({ operations, leases: [listed('1')] }))).toEqual(['ended-for-good']);
  });

  it('comes back to whoever asks again by its key', () => {
    const key = { key: 'k' };
    const again = acquire('1', { atMs: AFTER, again: true, ...key });
    const release = use('release', '1', { atMs: BEFORE + 50, answer: { is: 'released' } });
    expect(promises(of(acquire('1', { atMs: BEFORE, ...key }), release, again))).toEqual(['ended-for-good']);
    expect(promises(of(acquire('1', { atMs: BEFORE, ...key }), again))).toEqual([]);
  });

  it('is held beyond its time', () => {
    const verified = (atMs: number) => use('verify', '1', { atMs, answer: { is: 'verified' } });
    const lateMs = TTL_MS + LATE_MS + 10;
    expect(promises(of(acquire('1', { atMs: AFTER }), verified(AFTER + TTL_MS + 10)))).toEqual([]);
    expect(promises(of(acquire('1', { atMs: AFTER }), verified(AFTER + lateMs)))).toEqual(['ended-for-good']);
    const renewed = use('renew', '1', { atMs: AFTER + TTL_MS + 10, answer: { is: 'renewed', ttlMs: TTL_MS } });
    expect(promises(of(acquire('1', { atMs: AFTER }), renewed))).toEqual(['ended-for-good']);
    // Over a death it gets one TTL more, and no second.
    expect(promises(of(acquire('1', { atMs: BEFORE }), verified(OPENS_MS + TTL_MS - 10)))).toEqual([]);
    expect(promises(of(acquire('1', { atMs: BEFORE }), verified(OPENS_MS + lateMs)))).toEqual(['ended-for-good']);
  });

  it('counts from the answer to who asked again over the death', () => {
    const first = acquire('1', { atMs: BEFORE, key: 'k', answer: { is: 'none' } });
    const again = acquire('1', { atMs: OPENS_MS + TTL_MS, key: 'k', again: true });
    const release = use('release', '1', { atMs: OPENS_MS + TTL_MS + 500, answer: { is: 'released' } });
    expect(promises(of(first, again, release))).toEqual([]);
  });

  it('was lost, and is there again', () => {
    const operations = [
      acquire('1', { atMs: BEFORE }),
      use('verify', '1', { atMs: AFTER, answer: ENDED }),
      use('verify', '1', { atMs: AFTER + 50, answer: { is: 'verified' } }),
    ];
    expect(promises(of(...operations))).toContain('held-over-death');
  });
});

describe('what is held by a connection', () => {
  const LONG = AFTER + 3 * TTL_MS;
  const acquired = acquire('1', { atMs: AFTER });
  const ended = { is: 'bound', over: 'ended' } as const;
  const stands = { toMs: Number.POSITIVE_INFINITY, answer: { is: 'none' } } as const;

  it('is held for as long as it stands', () => {
    const held = binding('1', { fromMs: AFTER + 5, ...stands });
    expect(promises(of(acquired, held, use('verify', '1', { atMs: LONG, answer: { is: 'verified' } })))).toEqual([]);
    expect(promises(of(acquired, held, use('verify', '1', { atMs: LONG, answer: ENDED })))).toEqual(['held-over-death']);
    const other = acquire('2', { atMs: LONG });
    expect(promises(of(acquired, held, other))).toEqual(['one-per-slot']);
  });

  it('is not over but by somebody', () => {
    const over = binding('1', { fromMs: AFTER + 5, toMs: LONG, answer: ended });
    expect(promises(of(acquired, over))).toEqual(['held-over-death']);
    const revoked = use('revoke', '1', { atMs: LONG - 10, answer: { is: 'released' } });
    expect(promises(of(acquired, over, revoked))).toEqual([]);
    const verified = use('verify', '1', { atMs: LONG + 10, answer: { is: 'verified' } });
    expect(promises(of(acquired, over, revoked, verified))).toContain('ended-for-good');
  });

  it('is given back by hanging up', () => {
    const leftMs = LONG;
    const left = binding('1', { fromMs: AFTER + 5, toMs: LONG + 1, leftMs, answer: { is: 'bound', over: 'left' } });
    const at = (atMs: number, answer: Operation['answer']) => promises(of(acquired, left, use('verify', '1', { atMs, answer })));
    expect(at(LONG + 10, ENDED)).toEqual([]);
    expect(at(LONG + 10, { is: 'verified' })).toEqual([]);
    expect(at(LONG + LATE_MS + 10, { is: 'verified' })).toEqual(['ended-for-good']);
  });

  it('has a whole TTL from the next daemon, and no second', () => {
    const first = acquire('1', { atMs: BEFORE });
    const broken = binding('1', { fromMs: BEFORE + 5, toMs: DIES_MS });
    const at = (atMs: number, answer: Operation['answer']) => promises(of(first, broken, use('verify', '1', { atMs, answer })));
    expect(at(OPENS_MS + TTL_MS - 50, ENDED)).toEqual(['held-over-death']);
    expect(at(OPENS_MS + TTL_MS + 50, ENDED)).toEqual([]);
    expect(at(OPENS_MS + TTL_MS + LATE_MS + 50, { is: 'verified' })).toEqual(['ended-for-good']);
    // As it does where nobody knows whether hanging up was heard before the death.
    const left = binding('1', { fromMs: BEFORE + 5, toMs: DIES_MS - 9, leftMs: DIES_MS - 10, answer: { is: 'bound', over: 'left' } });
    expect(promises(of(first, left, use('verify', '1', { atMs: OPENS_MS + TTL_MS - 50, answer: { is: 'verified' } })))).toEqual([]);
  });

  it('is not held by a connection to a daemon that is dead', () => {
    const operations = [acquire('1', { atMs: BEFORE }), binding('1', { fromMs: BEFORE + 5, toMs: DIES_MS })];
    const leases = [listed('1', { expiresMs: Number.POSITIVE_INFINITY })];
    expect(promises(history({ operations, leases }))).toEqual(['bound-no-longer']);
    const again = binding('1', { fromMs: OPENS_MS + 1, ...stands });
    expect(promises(history({ operations: [...operations, again], leases }))).toEqual([]);
  });

  it('is not broken by a daemon that lives', () => {
    expect(promises(of(acquired, binding('1', { fromMs: AFTER + 5, toMs: AFTER + 50 })))).toEqual(['bound-while-connected']);
  });

  it('is tied to another connection after the death', () => {
    const again = binding('1', { fromMs: OPENS_MS + 50, boundMs: OPENS_MS + 55, ...stands });
    const story = [acquire('1', { atMs: BEFORE }), binding('1', { fromMs: BEFORE + 5, toMs: DIES_MS }), again];
    expect(promises(of(...story, use('verify', '1', { atMs: LONG, answer: { is: 'verified' } })))).toEqual([]);
    expect(promises(of(...story, use('verify', '1', { atMs: LONG, answer: ENDED })))).toEqual(['held-over-death']);
    expect(trimmed(of(...story), LONG).operations).toEqual(story);
  });
});

describe('what is done to engines', () => {
  const move = (beginMs: number, endMs = Number.POSITIVE_INFINITY) => ({ pool: 'a', says: 'restart', beginMs, endMs });
  const refused = acquire('2', { atMs: AFTER, answer: { is: 'refused', code: 'pool_draining' } });
  const lost = use('verify', '1', { atMs: AFTER, answer: ENDED });

  it('may cut leases and close doors, from its begin', () => {
    const operations = [acquire('1', { atMs: BEFORE }), lost, refused];
    expect(promises(history({ operations, moves: [move(BEFORE + 50)] }))).toEqual([]);
    expect(promises(history({ operations, moves: [move(AFTER + 50)] }))).toEqual(['held-over-death', 'refused-with-cause']);
    expect(promises(history({ operations, moves: [{ ...move(BEFORE + 50), pool: 'b' }] }))).toEqual([
      'held-over-death',
      'refused-with-cause',
    ]);
  });

  it('may not once all is as before', () => {
    const operations = [acquire('1', { atMs: BEFORE }), lost, refused];
    expect(promises(history({ operations, moves: [move(BEFORE - 90, BEFORE - 50)] }))).toEqual(['held-over-death', 'refused-with-cause']);
  });

  it('is remembered for as long as a lease that it may have cut', () => {
    const given = history({ operations: [acquire('1', { atMs: BEFORE })], moves: [move(10, 20), move(BEFORE + 50, BEFORE + 60)] });
    expect(trimmed(given, DIES_MS).moves).toEqual([move(BEFORE + 50, BEFORE + 60)]);
  });
});

describe('slots, tokens, keys, and who is held for', () => {
  it('one slot is given to two', () => {
    expect(promises(of(acquire('1', { atMs: BEFORE }), acquire('2', { atMs: AFTER })))).toEqual(['one-per-slot']);
    const free = use('release', '1', { atMs: BEFORE + 50, answer: { is: 'none' } });
    expect(promises(of(acquire('1', { atMs: BEFORE }), free, acquire('2', { atMs: AFTER })))).toEqual([]);
    const other = { is: 'granted', grant: grant('2', { slot: 1 }) } as const;
    expect(promises(of(acquire('1', { atMs: BEFORE }), acquire('2', { atMs: AFTER, answer: other })))).toEqual([]);
  });

  it('one slot is listed with two', () => {
    const operations = [acquire('1', { atMs: BEFORE }), acquire('2', { atMs: BEFORE, answer: { is: 'none' } })];
    expect(promises(history({ operations, leases: [listed('1'), listed('2')] }))).toEqual(['one-per-slot']);
    // Beside each other there are two generations of one replica during a reload.
    expect(promises(history({ operations, leases: [listed('1'), listed('2', { generation: 2 })] }))).toEqual([]);
  });

  it('a token is given out twice, or falls', () => {
    const second = (token: string) => acquire('2', { atMs: AFTER, answer: { is: 'granted', grant: grant('2', { slot: 1, token }) } });
    expect(promises(of(acquire('1', { atMs: BEFORE }), second('000000000001-1')))).toEqual(['token-once']);
    expect(promises(of(acquire('1', { atMs: BEFORE }), second('000000000001-0')))).toEqual(['tokens-rise']);
    expect(promises(of(acquire('1', { atMs: BEFORE }), second('000000000002-0')))).toEqual([]);
  });

  it('a token falls below those of leases that are not looked at any more', () => {
    const release = use('release', '5', { atMs: BEFORE + 50, answer: { is: 'released' } });
    const past = trimmed(of(acquire('5', { atMs: BEFORE }), release), DIES_MS);
    expect(past.operations).toEqual([]);
    expect(promises({ ...past, operations: [acquire('4', { atMs: AFTER })] })).toEqual(['tokens-rise']);
    expect(promises({ ...past, operations: [acquire('6', { atMs: AFTER })] })).toEqual([]);
  });

  it('one wish is granted twice', () => {
    const first = acquire('1', { atMs: BEFORE, key: 'k' });
    const again = acquire('1', { atMs: AFTER, key: 'k', again: true, answer: { is: 'granted', grant: grant('2', { slot: 1 }) } });
    expect(promises(of(first, again))).toEqual(['one-lease-per-key']);
    const operations = [acquire('1', { atMs: BEFORE, answer: { is: 'none' } })];
    const leases = [listed('1'), listed('2', { holder: '1', slot: 1 })];
    expect(promises(history({ operations, leases }))).toEqual(['one-lease-per-key']);
  });

  it('something is held for nobody', () => {
    const refused = acquire('1', { atMs: BEFORE, answer: { is: 'refused', code: 'no_free_slot' } });
    expect(promises(history({ operations: [refused], leases: [listed('1')] }))).toEqual(['held-by-who-asked']);
    const waits = acquire('1', { atMs: BEFORE, answer: { is: 'none' } });
    expect(promises(history({ operations: [waits], leases: [listed('1')] }))).toEqual([]);
  });

  it('somebody is refused without a cause', () => {
    const refused = (code: string) => acquire('1', { atMs: BEFORE, answer: { is: 'refused', code } });
    expect(promises(of(refused('internal')))).toEqual(['refused-with-cause']);
    expect(promises(of(refused('lease_ended')))).toEqual(['refused-with-cause']);
    expect(promises(of({ ...refused('lease_ended'), again: true }))).toEqual([]);
    expect(promises(of(refused('queue_timeout')))).toEqual([]);
  });
});

it('a history goes on with what the next daemon gives new time', () => {
  const lives = LIVES.slice(0, 1);
  const short = acquire('1', { atMs: BEFORE, answer: { is: 'granted', grant: grant('1', { ttlMs: 350 }) } });
  expect(trimmed(history({ operations: [short], lives }), AFTER).operations).toEqual([short]);
});

it('a history goes on without what is over', () => {
  const held = acquire('2', { atMs: BEFORE, answer: { is: 'granted', grant: grant('2', { slot: 1 }) } });
  const waits = acquire('3', { atMs: BEFORE, answer: { is: 'none' } });
  const over = [acquire('1', { atMs: BEFORE }), use('release', '1', { atMs: BEFORE + 50, answer: { is: 'released' } })];
  expect(trimmed(of(...over, held, waits), AFTER).operations).toEqual([held, waits]);
});
