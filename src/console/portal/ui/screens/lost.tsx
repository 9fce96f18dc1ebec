import { Heading } from "../../../ui/parts/heading.tsx";
import { href } from "../../../ui/route.ts";

export function Lost() {
  return (
    <>
      <Heading title="No such screen" />
      <p>
        <a href={href(["endpoints"])}>To the endpoints</a>
      </p>
    </>
  );
}
