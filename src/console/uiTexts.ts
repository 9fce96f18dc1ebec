import type { PageName, UiTexts } from "./uiBundle.ts";

/** In a checkout they are bundled when they are first asked for, which takes milliseconds. A build has them written in. */
export async function uiTexts(name: PageName): Promise<UiTexts> {
  const { bundleUi } = await import("./uiBundle.ts");
  return (await bundleUi(name)).texts;
}
