/**
 * Ids of leases: UUIDs (version 8) of the start of the daemon, the number of the lease in it, and a mark that nobody else can make. So of a lease
 * that is not held it can be said from its id alone that it has ended, and plain releases, which are most ends, need not be remembered.
 */
import { hash, randomBytes } from 'node:crypto';

const FORM = /^l-([0-9a-f]{8})-([0-9a-f]{4})-8([0-9a-f]{3})-8([0-9a-f]{3})-([0-9a-f]{12})$/;
/** Then they begin anew: at 20,000 leases a second after 1.7 years, when nobody asks for the first ones any more. */
const NUMBERS = 2 ** 40;

export class LeaseIds {
  readonly #secret = randomBytes(16).toString('hex');
  #given = 0;

  /** `epoch`: of this start of the daemon. */
  next(epoch: number): string {
    this.#given += 1;
    const number = (this.#given % NUMBERS).toString(16).padStart(10, '0');
    return `l-${epoch.toString(16).padStart(8, '0')}-${number.slice(0, 4)}-8${number.slice(4, 7)}-8${number.slice(7)}-${this.#mark(number)}`;
  }

  /** Whether it is an id that was given to somebody: by this daemon, or, whose marks cannot be proved any more, by an earlier one. */
  gave(id: string, epoch: number): boolean {
    const [, given = '', high = '', middle = '', low = '', mark] = FORM.exec(id) ?? [];
    if (mark === undefined) return false;
    const of = Number.parseInt(given, 16);
    return of < epoch || (of === epoch && mark === this.#mark(high + middle + low));
  }

  #mark(number: string): string {
    return hash('sha256', this.#secret + number).slice(0, 12);
  }
}
