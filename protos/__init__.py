"""The only door to generated Envoy code: everyone else imports from here, under the names of Envoy's own areas."""
