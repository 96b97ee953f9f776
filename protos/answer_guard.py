"""Filters that hold what a response said of itself against what a later filter makes of it."""

from envoy.extensions.filters.http.custom_response.v3.custom_response_pb2 import CustomResponse
from envoy.extensions.filters.http.header_to_metadata.v3.header_to_metadata_pb2 import Config as HeaderToMetadata
from envoy.extensions.http.custom_response.local_response_policy.v3.local_response_policy_pb2 import LocalResponsePolicy
from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import DynamicMetadataInput
from envoy.extensions.matching.input_matchers.metadata.v3.metadata_pb2 import Metadata
from envoy.type.matcher.v3.http_inputs_pb2 import HttpResponseHeaderMatchInput
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher
from xds.type.matcher.v3.regex_pb2 import RegexMatcher
from xds.type.matcher.v3.string_pb2 import StringMatcher

__all__ = [
    "CustomResponse",
    "DynamicMetadataInput",
    "HeaderToMetadata",
    "HttpResponseHeaderMatchInput",
    "LocalResponsePolicy",
    "Matcher",
    "Metadata",
    "RegexMatcher",
    "StringMatcher",
    "TypedExtensionConfig",
    "ValueMatcher",
]
