"""Sign-in at a provider by OpenID Connect: code flow with PKCE, state and nonce."""
