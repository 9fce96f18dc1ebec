import type { ComponentChildren } from "preact";

export interface Column<Row> {
  readonly head: string;
  /** What stands in the head instead. */
  readonly top?: ComponentChildren;
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean;
  cell(row: Row): ComponentChildren;
}

interface TableProps<Row> {
  /** What the table lists, for those who cannot see where it stands. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  keyOf(row: Row): string;
  readonly empty: ComponentChildren;
}

/** A table that scrolls by itself where it is too wide. `j` and `k` go through the rows that have a link. */
export function Table<Row>({ label, columns, rows, keyOf, empty }: TableProps<Row>) {
  if (rows.length === 0) {
    return <div class="empty">{empty}</div>;
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard must be able to scroll it
    <section class="scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ head, top, isNumber }) => (
              <th key={head} scope="col" class={isNumber === true ? "number" : undefined}>
                {top ?? head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-row="">
              {columns.map(({ head, isNumber, cell }) => (
                <td key={head} class={isNumber === true ? "number" : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
