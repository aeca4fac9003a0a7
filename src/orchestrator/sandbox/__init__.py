"""A local Mailchimp: the calls that a campaign tool makes, over HTTP, with Mailchimp's limits and refusals.

Written from Mailchimp's published description and from observed facts, and from nothing else: it imports
nothing of the rest of this project, so that it cannot share its misunderstandings.

``audience``, ``state``     what an account holds; ``storage``: the file it survives restarts in
``people``, ``values``      what may happen to a member; which merge values are accepted
``recipients``, ``sending`` who a segment means; campaigns become deliveries
``merge_tags``, ``letter``  what ``*|TAG|*`` means; one delivery as its recipient sees it
``faults``, ``limits``      how it refuses, dawdles and cuts connections
``api``                     the routes under ``/3.0``
``web``                     the inbox, the recipient's pages, the controls under ``/sandbox``
``server``                  all of it together: ``Sandbox``
"""
