<?php // What a Laravel application has around the recipe, on Debian's packages and in one file.

require 'Illuminate/autoload.php';

use App\Http\Controllers\WebhookController;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as KernelContract;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use Illuminate\Support\Facades\Route;

spl_autoload_register(function (string $class) {
    if (str_starts_with($class, 'App\\')) {
        require __DIR__.'/app/'.str_replace('\\', '/', substr($class, strlen('App\\'))).'.php';
    }
});

final class PlainHandler extends Handler
{
    public function render($request, Throwable $thrown)
    {
        return new Response('', $this->isHttpException($thrown) ? $thrown->getStatusCode() : 500);
    }
}

$app = new Application(__DIR__);
$app->singleton(KernelContract::class, Kernel::class);
$app->singleton(ExceptionHandler::class, PlainHandler::class);
$app->booted(fn () => Route::post('/webhooks', WebhookController::class));
$kernel = $app->make(KernelContract::class);
$response = $kernel->handle(Request::capture());
$response->send();
