import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { route, setQuery } from "../route.ts";

/** A pause in typing after which the list follows. */
const TYPED_MS = 250;

interface SearchFieldProps {
  readonly label: string;
  readonly placeholder?: string;
  readonly describedBy?: string;
  /** What is typed, also while there is no pause. */
  onTyped?(text: string): void;
  /** Whole texts to choose from. */
  readonly offered?: readonly string[];
}

/** What is typed goes into the address, as `q`, when there is a pause; the list begins anew. */
export function SearchField({ label, placeholder, describedBy, onTyped, offered = [] }: SearchFieldProps) {
  const asked = route.value.query.get("q") ?? "";
  const typed = useSignal(asked);
  // What this field has put into the address. Anything else comes from elsewhere, such as the button for "back".
  const put = useRef(asked);
  useEffect(() => {
    if (asked !== put.current) {
      put.current = asked;
      typed.value = asked;
    }
  }, [asked]);
  useEffect(() => {
    onTyped?.(typed.value);
    const timer = setTimeout(() => {
      if (typed.value !== put.current) {
        put.current = typed.value;
        setQuery({ q: typed.value, after: null });
      }
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed.value]);
  return (
    <>
      <label for="search">{label}</label>
      <input
        id="search"
        data-search=""
        type="search"
        autoComplete="off"
        spellcheck={false}
        placeholder={placeholder}
        aria-describedby={describedBy}
        list="search-offered"
        value={typed.value}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
        }}
      />
      <datalist id="search-offered">
        {offered.map((text) => (
          <option key={text} value={text} />
        ))}
      </datalist>
    </>
  );
}
