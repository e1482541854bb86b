/** Why a start came to nothing, for a sentence that has said already what could not be started. */
export function startFault(id: string, message: string): string {
  const said = `cannot start ${id}: `;
  return message.startsWith(said) ? message.slice(said.length) : message;
}
