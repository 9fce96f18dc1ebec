import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { Tunnel } from "../../../src/http/egress/tunnel.ts";

test("a proxy that answers before it is asked opens no tunnel", () => {
  const origin = { secure: true, hostname: "proxy.example.com", port: 3128 };
  const tunnel = new Tunnel({ origin, authorization: undefined }, origin, () => assert.fail(), 1_000);
  const early = Buffer.from("HTTP/1.1 200 OK\r\n\r\n");
  tunnel.read(early.length, early);
  const ends: (string | undefined)[] = [];
  tunnel.open(new Socket(), (failure) => ends.push(failure?.message));
  assert.deepEqual(ends, ["the egress proxy proxy.example.com:3128 sent bytes before it was asked for anything"]);
});
