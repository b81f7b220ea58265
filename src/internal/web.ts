/** Types of the web platform that the libraries of some runtimes do not name. */

/** What `new Headers()` takes. The name `HeadersInit` is missing in the types of Node and Bun. */
export type HeadersSource = NonNullable<
  ConstructorParameters<typeof Headers>[0]
>;
