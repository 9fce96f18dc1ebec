import { useEffect, useRef } from "preact/hooks";
import { isHelpOpen, KEYS, PLACES, SCREEN_KEYS } from "./keys.ts";
import { hasKeys } from "./preferences.ts";

/** The keys, and the switch for those who press them by mistake. */
export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isHelpOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isHelpOpen.value]);
  const rows = [
    ...Object.entries(PLACES).map(([key, place]) => [`g ${key}`, place] as const),
    ...Object.entries(KEYS).map(([key, { does }]) => [key, does] as const),
    ...SCREEN_KEYS,
  ];
  return (
    <dialog
      ref={dialog}
      aria-labelledby="help"
      onClose={() => {
        isHelpOpen.value = false;
      }}
    >
      <h2 id="help">Keys</h2>
      <dl class="keys">
        {rows.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p>
        <label>
          <input
            type="checkbox"
            checked={hasKeys.value}
            onChange={(event) => {
              hasKeys.value = event.currentTarget.checked;
            }}
          />{" "}
          single letters are commands
        </label>
      </p>
      <p class="buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </p>
    </dialog>
  );
}
