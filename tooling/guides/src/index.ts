export { createWorkshop, type Gives, type Told, type Workshop } from "./workshop.ts";
