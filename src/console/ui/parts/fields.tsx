import { useId } from "preact/hooks";
import { type Field, isJson, listOf, type Texts } from "../fields.ts";
import { useLive } from "../live.ts";
import { call } from "../operation.ts";
import type { ListedEventType, Page } from "../rows.ts";
import { zone } from "../shown.ts";
import { RefusalText } from "./refusal.tsx";

interface FieldsProps {
  readonly fields: readonly Field[];
  readonly texts: Texts;
  /** The field that was refused, and why. */
  readonly refused: { readonly name: string; readonly error: unknown } | null;
  onInput(name: string, text: string): void;
}

/** The fields of a form, each with what it is, and with what Postgres says against it. */
export function Fields({ fields, texts, refused, onInput }: FieldsProps) {
  return (
    <>
      {fields.map((field) => (
        <FieldRow
          key={field.name}
          field={field}
          text={texts[field.name] ?? ""}
          error={refused?.name === field.name ? refused.error : null}
          onInput={(text) => onInput(field.name, text)}
        />
      ))}
    </>
  );
}

interface FieldProps {
  readonly field: Field;
  readonly text: string;
  readonly error: unknown;
  onInput(text: string): void;
}

function FieldRow(props: FieldProps) {
  const { field, error } = props;
  const id = useId();
  const sentence = field.sentence || (SENTENCES[field.type] ?? "");
  const label = field.type === "timestamp with time zone" ? `${field.label} (${zone.value})` : field.label;
  const texts = [sentence === "" ? [] : `${id}-help`, error === null ? [] : `${id}-error`].flat();
  const described = {
    ...(texts.length > 0 && { "aria-describedby": texts.join(" ") }),
    ...(error !== null && { "aria-invalid": true }),
  };
  const isSet = field.choices !== null && field.type.endsWith("[]");
  return (
    <div class="field">
      {isSet ? (
        <Choices {...props} label={label} />
      ) : (
        <>
          <label for={id}>{label}</label>
          <Control {...props} id={id} described={described} />
        </>
      )}
      {sentence === "" ? null : (
        <p id={`${id}-help`} class="faint">
          {sentence}
        </p>
      )}
      {error === null ? null : (
        <div id={`${id}-error`}>
          <RefusalText error={error} />
        </div>
      )}
    </div>
  );
}

const SENTENCES: Readonly<Record<string, string>> = {
  "text[]": "With commas between them.",
  "interval[]": "With commas between them, such as 5 s, 5 min, 2 h.",
  interval: "Such as 30 min or 5 days.",
  jsonb: "JSON.",
  json: "JSON.",
};

interface ControlProps extends FieldProps {
  readonly id: string;
  readonly described: Readonly<Record<string, string | boolean>>;
}

function Control({ field, text, id, described, onInput }: ControlProps) {
  const { type, choices, isRequired, isEventType } = field;
  const common = { id, required: isRequired, value: text, ...described };
  const take = (event: { readonly currentTarget: { readonly value: string } }): void =>
    onInput(event.currentTarget.value);
  if (type === "boolean") {
    return (
      <input
        {...{ id, ...described }}
        type="checkbox"
        checked={text === "true"}
        onChange={(event) => onInput(String(event.currentTarget.checked))}
      />
    );
  }
  if (choices !== null) {
    return (
      <select {...common} onChange={take}>
        {(isRequired ? choices : ["", ...choices]).map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    );
  }
  if (type.startsWith("json")) {
    return (
      <textarea
        {...common}
        rows={5}
        spellcheck={false}
        onInput={(event) => {
          const { value } = event.currentTarget;
          event.currentTarget.setCustomValidity(value.trim() === "" || isJson(value) ? "" : "This is not JSON.");
          onInput(value);
        }}
      />
    );
  }
  return (
    <>
      <input
        {...common}
        type={type === "timestamp with time zone" ? "datetime-local" : "text"}
        step={1}
        maxLength={2_048}
        autoComplete="off"
        spellcheck={false}
        list={isEventType ? `${id}-types` : undefined}
        onInput={take}
      />
      {isEventType ? <Catalogue id={`${id}-types`} before={type.endsWith("[]") ? text : ""} /> : null}
    </>
  );
}

/** Any of a few. */
function Choices({ field, text, label, onInput }: FieldProps & { readonly label: string }) {
  const chosen = listOf(text);
  return (
    <fieldset>
      <legend>{label}</legend>
      {field.choices?.map((choice) => (
        <label key={choice}>
          <input
            type="checkbox"
            checked={chosen.includes(choice)}
            onChange={(event) =>
              onInput(
                (event.currentTarget.checked ? [...chosen, choice] : chosen.filter((each) => each !== choice)).join(),
              )
            }
          />{" "}
          {choice}
        </label>
      ))}
    </fieldset>
  );
}

/** Completes an event type, the last one of a list, from the catalogue: with each prefix that several types have. */
function Catalogue({ id, before }: { readonly id: string; readonly before: string }) {
  const names = (useLive<Page<ListedEventType>>(call("list_event_types", { limit: 200 })).value.value?.data ?? []).map(
    ({ name }) => name,
  );
  const prefixes = names.map((name) => name.replace(/[^.]+$/, "*")).filter((name) => name !== "*");
  const head = before.replace(/[^,]*$/, "");
  return (
    <datalist id={id}>
      {[...new Set([...prefixes, ...names])].map((name) => (
        <option key={name} value={head === "" ? name : `${head} ${name}`} />
      ))}
    </datalist>
  );
}
