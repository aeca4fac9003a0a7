"""The only package that knows Mailchimp; everything else speaks ``orchestrator.gateway``.

``host``         which server a key and a setting mean, and whether it is this machine
``slots``        the places for calls that all processes of one database share
``connections``  how many calls this process may have in flight right now
``failures``     why a call is no success, whether it may be made again, and what the caller is told
``answers``      what one answer, or the lack of one, proves
``client``       the mailchimp-marketing client made safe: pooled, timed, limited, retried, every answer checked
``refusals``     the sentences with which Mailchimp refuses members
``payloads``     our values <-> Mailchimp's JSON
``calls``        what the groups of calls share: paging, and an audience that must exist
``audience``, ``segments``, ``campaigns``, ``reports``   the calls, by subject
``gateway``      all of them together: ``MailchimpGateway`` implements ``EmailGateway``
"""
