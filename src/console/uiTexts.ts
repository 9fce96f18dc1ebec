import type { UiTexts } from "./uiBundle.ts";

/** In a checkout they are bundled when they are first asked for, which takes milliseconds. A build has them written in. */
export async function uiTexts(): Promise<UiTexts> {
  const { bundleUi } = await import("./uiBundle.ts");
  return (await bundleUi()).texts;
}
