/** Whether it may be left out, and what it is. */
export type Asked = readonly [isOptional: boolean, sentence: string];

/**
 * What a person can give to an operation that changes something. The bundler writes it in, out of the routes (uiBundle.ts). Only
 * dialogs need it, and are loaded with the first one.
 */
export const ASKED: Readonly<Record<string, Readonly<Record<string, Asked>>>> = {};
