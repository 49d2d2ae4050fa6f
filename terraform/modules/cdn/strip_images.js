// Runs on CloudFront (cloudfront-js-2.0) for /images/*, after the signature was found good and
// before the cache is asked. Turns the address of a picture into its key in the bucket:
// /images/users/U/images/N.png is users/U/images/N.png.
//
// Only plain keys of users pass. A signed cookie is good for /images/users/U/*, which as text also
// fits /images/users/U/../V/N.png: a step up, plain or encoded, must never reach the bucket. Nor may
// /images/models/…: weights lie in the same bucket, and are nothing that a browser fetches.

var KEY = /^\/images(\/users\/[0-9a-f-]{36}(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)$/;

function handler(event) {
    var request = event.request;
    var found = KEY.exec(request.uri);
    if (!found) {
        return {
            statusCode: 404,
            statusDescription: 'Not Found',
            headers: { 'cache-control': { value: 'no-store' } }
        };
    }
    request.uri = found[1];
    return request;
}
