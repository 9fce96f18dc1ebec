/**
 * Loads the part of the program that needs OpenTelemetry: 130 kB and 5 MiB of memory, which a daemon that traces nothing
 * does without. It is a file of its own in the package, and an asset of the executable; build.ts replaces this function.
 */
export function loadOpenTelemetry(): Promise<typeof import("./openTelemetry.ts")> {
  return import("./openTelemetry.ts");
}
