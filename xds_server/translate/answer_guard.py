"""Around a filter that may change an answer's headers: what they say of where the answer ends stays what it was.

Beyond the length that an answer tells, or after a status that has no body, what is left of the body is to a client the
answer to its next request, which may be one to somebody else. So both are noted before the filter sees the answer, and
looked at after it. Filters see answers in the order opposite to that of requests.

Spec: RFC 9112 section 6.3
"""

from google.protobuf.message import Message

from protos import answer_guard as pb
from protos import core, http, matcher
from protos.encode import pack

NOTES = "lychgate.answer"
"""The namespace of a stream's metadata that has what is noted. No authorizer writes there."""
STATUS, LENGTH = "status", "length"

WITHOUT_BODY = "204|304"
NEVER_LAST = "1.."
"""To a client more is to come after such a status."""


def guarded(guarded_filter: core.TypedExtensionConfig) -> tuple[core.TypedExtensionConfig, ...]:
    """The filter between those that guard it."""
    return ENDS_AS_NOTED, LENGTH_AS_NOTED, guarded_filter, NOTE


def _filter(name: str, config: Message) -> core.TypedExtensionConfig:
    return core.TypedExtensionConfig(name=name, typed_config=pack(config))


def _extension(name: str, config: Message) -> pb.TypedExtensionConfig:
    return pb.TypedExtensionConfig(name=name, typed_config=pack(config))


def _noting(header: str, key: str) -> pb.HeaderToMetadata.Rule:
    value = pb.HeaderToMetadata.KeyValuePair(metadata_namespace=NOTES, key=key, type=pb.HeaderToMetadata.STRING)
    return pb.HeaderToMetadata.Rule(header=header, on_header_present=value)


NOTE = _filter(
    "note",
    pb.HeaderToMetadata(response_rules=[_noting(":status", STATUS), _noting("content-length", LENGTH)]),
)


def _length_as_noted() -> core.TypedExtensionConfig:
    """An answer that had no length has none."""
    noted = core.HeaderValue(key="content-length", value=f"%DYNAMIC_METADATA({NOTES}:{LENGTH})%")
    action = core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    mutations = [
        http.HeaderMutation(remove="content-length"),
        http.HeaderMutation(append=core.HeaderValueOption(header=noted, append_action=action)),
    ]
    return _filter("length", http.HeaderMutationFilter(mutations=http.Mutations(response_mutations=mutations)))


LENGTH_AS_NOTED = _length_as_noted()


def _ends_as_noted() -> core.TypedExtensionConfig:
    """Answer 500 in the place of an answer that has lost its body to its status. No filter can set that right."""
    predicate = pb.Matcher.MatcherList.Predicate
    now = predicate.SinglePredicate(
        input=_extension("status", pb.HttpResponseHeaderMatchInput(header_name=":status")),
        value_match=pb.StringMatcher(
            safe_regex=pb.RegexMatcher(regex=f"{WITHOUT_BODY}|{NEVER_LAST}", google_re2=pb.RegexMatcher.GoogleRE2())
        ),
    )
    path = [pb.DynamicMetadataInput.PathSegment(key=STATUS)]
    without_body = matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=WITHOUT_BODY))
    before = predicate.SinglePredicate(
        input=_extension("noted", pb.DynamicMetadataInput(filter=NOTES, path=path)),
        custom_match=_extension("is", pb.Metadata(value=pb.ValueMatcher(string_match=without_body))),
    )
    lost = predicate(
        and_matcher=predicate.PredicateList(
            predicate=[
                predicate(single_predicate=now),
                predicate(not_matcher=predicate(single_predicate=before)),
            ]
        )
    )
    policy = pb.LocalResponsePolicy()
    policy.status_code.value = 500
    answer = pb.Matcher.OnMatch(action=_extension("policy", policy))
    matchers = [pb.Matcher.MatcherList.FieldMatcher(predicate=lost, on_match=answer)]
    of_answers = pb.Matcher(matcher_list=pb.Matcher.MatcherList(matchers=matchers))
    return _filter("status", pb.CustomResponse(custom_response_matcher=of_answers))


ENDS_AS_NOTED = _ends_as_noted()
