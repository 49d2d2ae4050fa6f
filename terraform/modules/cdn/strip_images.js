// Runs on CloudFront (cloudfront-js-2.0) for /images/*, after the signature was found good and
// before the cache is asked. Turns the address of a picture into its key in the bucket:
// /images/users/U/images/N.png becomes /users/U/images/N.png.
//
// Only keys of pictures and thumbnails pass, letter by letter. A signed cookie for
// /images/users/U/images/* is, as text, also good for /images/users/U/images/../../V/images/N.png:
// no step up, plain or encoded, may reach the bucket. Nor may weights, exports and archives, which
// lie in the same bucket.

var PICTURE = new RegExp(
    '^/images(/users/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/images/(?:thumbnails/)?' +
    '[A-Za-z0-9_-]+[.][a-z]+)$'
);

function handler(event) {
    var request = event.request;
    var found = PICTURE.exec(request.uri);
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
