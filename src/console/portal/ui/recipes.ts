/**
 * How receivers verify requests, by language. The bundler writes it in, out of src/receive/languages.md (uiBundle.ts), so that
 * a tenant gets the text that is tested. It is a file of its own, which is loaded when somebody looks at it.
 */
export const RECIPES: Readonly<Record<string, string>> = {};
