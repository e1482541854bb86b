import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, MAX_LINE_BYTES } from '../../src/engine/logs/line-splitter.ts';
import { escapeForTerminal } from '../../src/engine/logs/terminal.ts';

describe('lines', () => {
  it('come out the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'ß', '🙂', '\n', '\r') })), (chunks) => {
        const splitter = new LineSplitter(7);
        const bytes = Buffer.from(chunks.join(''));
        const lines = [];
        for (let at = 0; at < bytes.length; at += 3) lines.push(...splitter.push(bytes.subarray(at, at + 3)));
        lines.push(...splitter.flush());
        const expected = chunks.join('').split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(lines.map((line) => line.text)).toEqual(expected);
        expect(lines.at(-1)?.to ?? 7).toBe(7 + bytes.length);
        for (const [at, line] of lines.entries()) expect(line.from).toBe(at === 0 ? 7 : lines[at - 1]?.to);
      }),
    );
  });

  it('too long ones come in pieces, with no character cut in two', () => {
    const splitter = new LineSplitter(0);
    const text = `a${'🙂'.repeat(100_000)}`;
    const lines = [...splitter.push(Buffer.from(text)), ...splitter.flush()];
    expect(lines.map((line) => line.text).join('')).toBe(text);
    expect(lines.every((line) => line.to - line.from <= MAX_LINE_BYTES)).toBe(true);
    expect(lines.length).toBe(7);
  });

  it('bytes that are no text get through', () => {
    const splitter = new LineSplitter(0);
    const lines = splitter.push(Buffer.concat([Buffer.alloc(200_000, 0x80), Buffer.from('\n')]));
    expect(lines.at(-1)?.to).toBe(200_001);
  });
});

describe('escapeForTerminal', () => {
  it('spells out what a terminal would act on', () => {
    expect(escapeForTerminal('plain\ttext ß 🙂 \\')).toBe('plain\ttext ß 🙂 \\');
    expect(escapeForTerminal('\x1b[31mred\x07\r\n\x9b\x7f')).toBe('\\x1b[31mred\\x07\\x0d\\x0a\\x9b\\x7f');
    expect(escapeForTerminal('a\u202eb\u2028c\u2066')).toBe('a\\u{202e}b\\u{2028}c\\u{2066}');
    expect(escapeForTerminal('\ud800x')).toBe('\\u{d800}x');
  });

  it('lets no control character through, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom('\x1b', '\x9b', '\0', '\r', '\u202e', '[', 'm') }),
        (one, other) => {
          expect(escapeForTerminal(one + other)).toMatch(/^(?:\t|[^\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}])*$/u);
        },
      ),
    );
  });
});
