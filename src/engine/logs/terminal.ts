/** Makes what an engine printed harmless on a terminal. Pure. */

/** Control characters but the tab, what turns text around (bidi), line separators and halves of surrogate pairs. */
const HARMFUL = /(?!\t)\p{Cc}|\p{Bidi_Control}|\p{Zl}|\p{Zp}|\p{Cs}/gu;

/** `text` with each harmful character spelled out (`\x1b`, `\u{202e}`): no escape sequence, no second line, nothing hidden. */
export function escapeForTerminal(text: string): string {
  return text.replace(HARMFUL, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
