/** Control characters but tab, what turns the direction of text round, and what a terminal may take for a new line. */
const HARMFUL = /(?!\t)\p{Cc}|\p{Bidi_Control}|\p{Zl}|\p{Zp}|\p{Cs}/gu;

/** What an engine, a token's name or somebody's reason says may hold escapes: shown as `\x1b`, they move no cursor and hide nothing. */
export function harmless(text: string): string {
  return text.replace(HARMFUL, (character) => {
    const point = character.codePointAt(0) ?? 0;
    const digits = point.toString(16);
    return point > 0xff ? `\\u{${digits}}` : `\\x${digits.padStart(2, '0')}`;
  });
}
