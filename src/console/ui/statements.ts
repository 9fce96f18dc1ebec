/**
 * The SQL of each operation. The bundler writes it in, out of sql/console (uiBundle.ts), so that what the page shows is the very
 * text that the API of the same build runs. It is a file of its own, which is loaded when somebody looks at the first one.
 */
export const STATEMENTS: Readonly<Record<string, string>> = {};
