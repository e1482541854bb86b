/** Bytes that are no request, several at once, half of one, or one whose end two readers would see in two places. */
import fc from 'fast-check';

/** No request to it is ever whole and on its own: whatever becomes of it was smuggled. */
export const CANARY = 'canary';

const SMUGGLED = `POST /v1/pools/${CANARY}/pause HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`;
const GOOD = 'GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n';

export interface RawBytes {
  readonly name: string;
  /** As latin1. */
  readonly bytes: string;
  /** That many good answers have to come first; null where anything refused is right. */
  readonly answers: number | null;
}

const TO = 'POST /v1/pools/busy/start HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

/** Both lengths, or one that can be read in two ways; the request behind is inside of it for one of the readers. */
const AMBIGUOUS: readonly string[] = [
  `content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  `transfer-encoding: chunked\r\ncontent-length: ${SMUGGLED.length + 5}\r\n\r\n0\r\n\r\n`,
  `content-length: 0\r\ncontent-length: ${SMUGGLED.length}\r\n\r\n`,
  `content-length: 0, ${SMUGGLED.length}\r\n\r\n`,
  `content-length: +0\r\n\r\n`,
  `content-length: 0x0\r\n\r\n`,
  `content-length : 0\r\n\r\n`,
  `content-length: -0\r\n\r\n`,
  `content-length: 1e1\r\n\r\n`,
  `transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  `transfer-encoding: xchunked\r\ncontent-length: 0\r\n\r\n`,
  `transfer-encoding : chunked\r\n\r\n0\r\n\r\n`,
  `transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n`,
  `transfer-encoding:\x0bchunked\r\ncontent-length: 0\r\n\r\n`,
  `x: y\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n`.replace('content-length: 0', 'content-length: zero'),
  `transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n`,
  `transfer-encoding: chunked\r\n\r\n-1\r\n\r\n`,
  `transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n`,
  `transfer-encoding: chunked\r\n\r\n0;${'x'.repeat(20_000)}\r\n\r\n`,
  `transfer-encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n`,
  `content-length: ${SMUGGLED.length}\r\n\r\n`,
];

const smuggling = fc.constantFrom(...AMBIGUOUS).map((head) => ({ name: 'smuggling', bytes: TO + head + SMUGGLED, answers: null }));

const pipelined = fc.integer({ min: 1, max: 40 }).map((count) => ({ name: 'pipelining', bytes: GOOD.repeat(count), answers: count }));

const pipelinedThenBroken = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom('nonsense\r\n\r\n', '\0\0\0\0', 'GET', 'GET / HTTP/9.9\r\n\r\n', '\r\n\r\n\r\n'))
  .map(([count, behind]) => ({ name: 'good, then broken', bytes: GOOD.repeat(count) + behind, answers: null }));

const half = fc.nat(TO.length + 30).map((length) => ({
  name: 'half a request',
  bytes: `${TO}content-length: 100\r\n\r\n{"reason":"x"`.slice(0, length),
  answers: null,
}));

/** A good request with a byte changed, taken away or put in. */
const mutated = fc
  .tuple(fc.constantFrom(GOOD, `${TO}content-length: 2\r\n\r\n{}`), fc.nat(120), fc.nat(4), fc.string({ unit: byte(), maxLength: 3 }))
  .map(([text, at, cut, put]) => ({ name: 'a changed byte', bytes: text.slice(0, at) + put + text.slice(at + cut), answers: null }));

const noise = fc
  .oneof(
    fc.string({ unit: byte(), minLength: 1, maxLength: 300 }),
    fc.constantFrom(
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n',
      'GET http://evil.example/health HTTP/1.1\r\nhost: localhost\r\n\r\n',
      'GET //evil.example/health HTTP/1.1\r\nhost: localhost\r\n\r\n',
      'GET /health\r\n\r\n',
      'GET /health HTTP/1.1\r\n\r\n',
      'GET /health HTTP/1.1\r\nhost:\r\n\r\n',
      `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `GET /health HTTP/1.1\r\nhost: localhost\r\n${'a: b\r\n'.repeat(3_000)}\r\n`,
      'GET /health HTTP/1.1\r\nhost: local\0host\r\n\r\n',
      'GET /hea\0lth HTTP/1.1\r\nhost: localhost\r\n\r\n',
      '\n'.repeat(5_000),
    ),
  )
  .map((bytes) => ({ name: 'noise', bytes, answers: null }));

function byte(): fc.Arbitrary<string> {
  return fc.nat(255).map((code) => String.fromCharCode(code));
}

export const rawBytes: fc.Arbitrary<RawBytes> = fc.oneof(smuggling, pipelined, pipelinedThenBroken, half, mutated, noise);
