import { Heading } from "../parts/heading.tsx";
import { href } from "../route.ts";

export function Lost() {
  return (
    <>
      <Heading title="No such screen" />
      <p>
        There is nothing at this address. <a href={href(["overview"])}>The overview</a> leads everywhere.
      </p>
    </>
  );
}
