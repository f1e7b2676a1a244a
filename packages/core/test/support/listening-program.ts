/** Prints what it is told on the channel `orders`, leaves it when told so, and then has nothing to stay for. */
import { createPostkit } from "@postkit/core";

const postkit = createPostkit({ connectionString: process.argv[2], modules: {} });
const subscription = postkit.listen("orders", (event) => {
  console.log("payload" in event ? event.payload : event.type);
  if ("payload" in event) void subscription.close();
});
