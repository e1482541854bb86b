/** Headers and bodies of generated requests. */
import fc from 'fast-check';
import type { Hints, Schema } from './schema-values.ts';
import { anything, nearlyValid, oddText, often, valid } from './schema-values.ts';

const ODD_HEADERS: readonly (readonly [string, string])[] = [
  ['origin', 'https://evil.example'],
  ['host', 'evil.example'],
  ['authorization', `Bearer ${'x'.repeat(600)}`],
  ['accept', 'text/plain'],
  ['accept', '*/*;q=zero'],
  ['expect', '100-continue'],
  ['expect', 'nothing'],
  ['upgrade', 'websocket'],
  ['te', 'trailers'],
  ['x-http-method-override', 'DELETE'],
  ['accept-version', '2.x'],
  ['cookie', 'a=b; '.repeat(500)],
  ['content-encoding', 'gzip'],
  ['range', 'bytes=0-0'],
  ['if-none-match', '*'],
  ['x-padding', 'y'.repeat(17_000)],
];

interface HeaderParts {
  readonly read: readonly { readonly name: string; readonly schema: Schema }[];
  readonly hasBody: boolean;
  readonly hints: Hints;
}

export function headersOf({ read, hasBody, hints }: HeaderParts): fc.Arbitrary<readonly (readonly [string, string])[]> {
  const known = read.map(({ name, schema }) => {
    const value = fc.oneof({ weight: 3, arbitrary: valid(schema, name, hints).map(String) }, { weight: 1, arbitrary: oddText });
    return fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: value.map((text) => [[name, fieldOf(text)] as const]) },
    );
  });
  const type = often(
    'application/json',
    fc.constantFrom(
      'text/plain',
      '',
      'application/json; charset=utf-16',
      'APPLICATION/JSON',
      'multipart/form-data; boundary=x',
      'application/json, text/plain',
      ';;',
      'x'.repeat(300),
    ),
  );
  return fc
    .tuple(fc.tuple(...known), type, often([], fc.array(fc.constantFrom(...ODD_HEADERS), { minLength: 1, maxLength: 3 })))
    .map(([own, contentType, odd]) => [...own.flat(), ...(hasBody ? [['content-type', contentType] as const] : []), ...odd]);
}

/** Whatever a field may carry without ending its line. */
function fieldOf(text: string): string {
  return text.replaceAll(/[\0\r\n]/g, ' ').slice(0, 4_000);
}

export function bodyOf(schema: Schema, hints: Hints): fc.Arbitrary<string | null> {
  return fc.oneof(
    { weight: 8, arbitrary: valid(schema, '', hints).map(jsonOf) },
    { weight: 5, arbitrary: nearlyValid(schema, '', hints).map(jsonOf) },
    { weight: 1, arbitrary: valid(schema, '', hints).chain((good) => spoiltText(jsonOf(good))) },
    { weight: 1, arbitrary: wildBody },
  );
}

/** A good text with a bad place in it. */
function spoiltText(text: string): fc.Arbitrary<string> {
  const bits = fc.constantFrom('', '"', '{', ']', ',', '\0', '\\u0000', '\xff', '1e999', '"__proto__":{},', '//', 'null', '\ufeff');
  return fc
    .tuple(fc.nat(text.length), fc.nat(3), bits)
    .map(([at, cut, bit]) => Buffer.from(text.slice(0, at) + bit + text.slice(at + cut)).toString('latin1'));
}

export const wildBody: fc.Arbitrary<string | null> = fc.oneof(
  fc.constantFrom(
    null,
    '',
    ' ',
    'null',
    '[]',
    '"x"',
    '{"reason":"a","reason":"b"}',
    '{"__proto__":{"now":true}}',
    '{"\\u005f_proto__":1}',
    '{"a":',
  ),
  fc.constantFrom('['.repeat(100_000), '{"a":'.repeat(50_000), `{"reason":"${'x'.repeat(1_100_000)}"}`, `[${'0,'.repeat(200_000)}0]`),
  anything.map(jsonOf),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

function jsonOf(value: unknown): string {
  return Buffer.from(JSON.stringify(value) ?? '').toString('latin1');
}
