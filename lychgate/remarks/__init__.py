"""What no condition says, as warnings: policies that only others serve, Gateways of nobody, references in vain."""
