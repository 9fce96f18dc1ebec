import type { ReceivedEvent } from "./event.ts";

/** A parked event as JSON. Its data is left out if its text is there, which has every digit. */
export function parkedText(event: ReceivedEvent): string {
  return JSON.stringify(event.dataText === undefined ? event : { ...event, data: undefined });
}

export function parkedEvent(text: string): ReceivedEvent {
  const event: ReceivedEvent = JSON.parse(text);
  return event.dataText === undefined ? event : { ...event, data: JSON.parse(event.dataText) };
}
