// @ts-check
/** How much a workflow may hold; the server refuses more. */

export const MOST_NODES = 200;
export const MOST_EDGES = 1000;
export const MOST_FIELDS = 50;
