import { Copy } from "../../../ui/parts/copy.tsx";
import { Listing } from "../../../ui/parts/listing.tsx";

/** A secret, this once. Null: what signs has no secret that a receiver needs. */
export function ShownSecret({ secret }: { readonly secret: string | null }) {
  if (secret === null) {
    return <p>Its requests are signed with a key pair: verify them with the public key.</p>;
  }
  return (
    <>
      <p>
        <strong>This is the secret. It is shown this once:</strong> keep it where your server can read it.
      </p>
      <Listing class="result">{secret}</Listing>
      <Copy text={secret} label="Copy the secret" />
    </>
  );
}
