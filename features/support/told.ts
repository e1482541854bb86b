/** What poold tells by its events, as far as it still knows it. */
import type { PooldWorld } from './world.ts';

export interface Message {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The blocks of a stream of events; comments between them are left out. */
export function messagesIn(text: string): Message[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('id: '))
    .map((block) => {
      const [, id = '', type = '', data = ''] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
      return { id, type, data: JSON.parse(data) as Record<string, unknown> };
    });
}

/** All that has happened to the pool. */
export async function eventsOf(world: PooldWorld, pool: string): Promise<Message['data'][]> {
  return messagesIn(await world.get(`/v1/events?follow=false&pool=${pool}`)).map(({ data }) => data);
}
