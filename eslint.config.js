import js from "@eslint/js";
import globals from "globals";

const CATALOGUE = { gettext: "readonly", ngettext: "readonly", interpolate: "readonly" };

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    files: ["static/js/**/*.js"],
    languageOptions: { globals: { ...globals.browser, ...CATALOGUE, htmx: "readonly" } },
    rules: {
      "array-callback-return": "error",
      "consistent-return": "error",
      curly: ["error", "multi-line"],
      "default-case-last": "error",
      eqeqeq: "error",
      "max-lines": ["error", 400],
      "no-alert": "error",
      "no-console": ["error", { allow: ["warn"] }],
      "no-eval": "error",
      "no-implicit-coercion": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-promise-executor-return": "error",
      "no-script-url": "error",
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-unused-expressions": "error",
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-useless-concat": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-promise-reject-errors": "error",
      "prefer-template": "error",
      "require-await": "error",
      "symbol-description": "error",
      // The type checker knows which names there are.
      "no-undef": "off",
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[property.name='innerHTML']",
          message: "Markup from strings is how scripts get in; build nodes with make().",
        },
        {
          selector: "MemberExpression[property.name='cssText']",
          message: "Set single properties: the security policy forbids style attributes.",
        },
      ],
    },
  },
  {
    files: ["static/js/boot.js"],
    languageOptions: { sourceType: "script" },
  },
];
