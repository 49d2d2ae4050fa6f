/** What classic scripts put on the page: Django's catalogue of translations, and htmx. */
declare function gettext(message: string): string;
declare function ngettext(singular: string, plural: string, count: number): string;
declare function interpolate(
  format: string,
  values: Record<string, string | number>,
  named: true,
): string;

declare const htmx: {
  process(element: Element): void;
  ajax(
    verb: "GET",
    path: string,
    options: { target: string | Element; swap: string },
  ): Promise<void>;
};
